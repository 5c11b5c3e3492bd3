"""The Faust shell, one for all stages: batches in, ``shard.apply``, and at each commit rows, outputs and offsets in one transaction."""

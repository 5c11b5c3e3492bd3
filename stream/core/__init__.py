"""The pure core: facts, measures, deltas and windows. No Faust, Kafka, Prometheus, asyncio, environment or clock."""

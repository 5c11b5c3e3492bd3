"""``stream author``: whose key it is that a gauge, a log line or ``explain`` names."""

import sys

import click

from stream.core.fact import author_key


@click.command()
@click.argument("ids", nargs=-1, metavar="[IDS]...")
def command(ids: tuple[str, ...]) -> None:
    """Print the key of each author id, as it stands in gauges, logs and STREAM_BOT_AUTHORS.

    Without IDS they are read from stdin, one a line. A key says nothing of the id, so it is found by trying all of them: export the
    ids of your agents from the help desk and look for the key, `stream author < ids.txt | grep 3fa9c1`. Needs no Kafka.
    """
    for author_id in ids or (line.rstrip("\r\n") for line in sys.stdin):
        print(f"{author_key(author_id).hex()}  {author_id}")

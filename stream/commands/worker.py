"""``stream worker``: the service."""

import sys

import click

from stream.app import run_worker
from stream.commands import Context


@click.command()
@click.option(
    "--drain", is_flag=True, help="Work up to where the topics end now, publish what is final, and exit."
)
@click.pass_obj
def command(context: Context, *, drain: bool) -> None:
    """Run the service: events in, gauges, rollups and alerts out.

    Workers with the same STREAM_APP_ID share the work; start as many as you like, up to the number of partitions. Figures are
    served at http://STREAM_HTTP_HOST:STREAM_HTTP_PORT/metrics, readiness at /readyz. SIGTERM commits, leaves the group and
    exits 0. Exit code 70: it met something after which its memory must not be trusted; start it again.
    """
    sys.exit(run_worker(context.settings, drain=drain))

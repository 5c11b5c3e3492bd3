"""``stream worker``: the service."""

import click
import msgspec

from stream.commands import Context


@click.command()
@click.option(
    "--drain", is_flag=True, help="Work up to where the topics end now, publish what is final, and exit."
)
@click.option(
    "--allow-volatile-broker",
    is_flag=True,
    help="Run on a broker without transactions, with weaker guarantees. Also: STREAM_ALLOW_VOLATILE=yes.",
)
@click.option(
    "--rebuild",
    is_flag=True,
    help="Throw the state away first and build it anew from what the source topics still hold. For a state that is damaged or "
    "lost; stop all other workers before.",
)
@click.pass_obj
def command(context: Context, *, drain: bool, allow_volatile_broker: bool, rebuild: bool) -> int:
    """Run the service: events in, gauges, rollups and alerts out.

    Workers with the same STREAM_APP_ID share the work; start as many as you like, up to the number of partitions. Figures are
    served at http://STREAM_HTTP_HOST:STREAM_HTTP_PORT/metrics, readiness at /readyz. SIGTERM commits, leaves the group and
    exits 0. Exit code 70: it met something after which its memory must not be trusted; start it again.
    """
    from stream.app import run_worker  # noqa: PLC0415 - the help text needs no Faust

    loaded = context.load()
    settings = loaded.settings
    if allow_volatile_broker:
        settings = msgspec.structs.replace(settings, allow_volatile=True)
    return run_worker(settings, drain=drain, rebuilding=rebuild, debug=context.debug, notes=loaded.notes)

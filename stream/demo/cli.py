"""The command ``stream demo``."""

from pathlib import Path

import click

from stream.demo import SECONDS


@click.command(
    name="demo",
    short_help="Watch the figures move, on real help-desk traffic. Needs no Kafka.",
    epilog=(
        "The simulated tenant is made up from a fixed seed; the help desk's comments are real (CC BY 4.0, see "
        "stream/demo/data/SOURCES.md). The broker is embedded and keeps everything in memory: weaker guarantees, and nothing "
        "is left when the demo ends. The settings of your own (STREAM_*) are not used."
    ),
)
@click.option("--once", is_flag=True, help="As fast as it goes, without a screen; print the final figures.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print the figures as JSON.")
@click.option(
    "--seconds",
    type=click.IntRange(10, 86_400),
    default=SECONDS,
    show_default=True,
    help="How long the 14 months of events take.",
)
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE.svg",
    help="Also save the screen as it was while the alert fired.",
)
def command(once: bool, as_json: bool, seconds: int, picture: Path | None) -> int:
    """Watch the whole pipeline work, on real help-desk traffic and a simulated tenant.

    Starts an embedded broker and a worker, replays 14 months of events in a minute, and shows the figures that the worker's
    /metrics page serves: CSAT, NPS, reply times, queue waits, open tickets, and an alert that fires and clears.
    """
    from stream import demo  # noqa: PLC0415 - the help text needs none of it

    if as_json and not once:
        raise click.UsageError("--json goes with --once")
    return demo.run(once=once, as_json=as_json, seconds=seconds, picture=picture)

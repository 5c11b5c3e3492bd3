"""``stream demo``: the whole pipeline on real help-desk traffic and a simulated tenant, with nothing but this environment."""

from pathlib import Path

SECONDS = 60
"""How long the replay of the live demo takes by default."""


def run(*, once: bool, as_json: bool = False, seconds: int = SECONDS, picture: Path | None = None) -> int:
    """Run the demo to its end or until it is interrupted; returns the exit code. Raises click.ClickException."""
    from stream.demo.play import play  # noqa: PLC0415 - Kafka clients and rich are loaded only when they are needed

    return play(once=once, as_json=as_json, seconds=seconds, picture=picture)

"""Who looks like a bot that is counted as an agent, for ``stream explain``, and the figure as it would be without them."""

from typing import Final, NamedTuple

import msgspec

from stream.commands import CommandError, kafka
from stream.commands.figure import surviving_rows
from stream.core.author_days import suspects_of
from stream.core.config import CoreConfig
from stream.core.delta import segment_name, segment_partition
from stream.core.explain import Explanation
from stream.core.impossible import impossible, raised_in
from stream.core.labels import OTHER
from stream.core.measure import Figure
from stream.core.snapshot import Suspect
from stream.core.tally import DamagedRowError
from stream.core.ticket import RowVersionError
from stream.core.tickets_meta import UnknownRowError
from stream.core.without import figures_without
from stream.settings import Settings

UNREADABLE: Final = (DamagedRowError, UnknownRowError, RowVersionError, msgspec.DecodeError)
"""What rows raise that this version cannot read."""


class Suspected(NamedTuple):
    """An author who looks like a bot, and the figures of the window as they would be if it were one."""

    suspect: Suspect
    figures: list[Figure]


def suspected(settings: Settings, found: Explanation, labels: dict[str, str]) -> list[Suspected]:
    """Who looked like a bot at the end of the window, where the metric reads replies. Raises CommandError.

    All tickets are read for it, but only where there is somebody.
    """
    core = kafka.run(settings, kafka.fitted_core(settings))
    tenant = labels["tenant"]
    if "reply" not in found.metric.reads or tenant == OTHER:
        return []
    whole = segment_name({"tenant": tenant})
    owner = segment_partition(whole, core.delta_partitions)
    windows = kafka.run(settings, surviving_rows(settings, core.topics.windows_changelog, [owner]))
    where = f"{core.topics.windows_changelog}[{owner}]"
    try:
        suspects = suspects_of(windows[owner], whole, found.end_ms)
        if not suspects:
            return []
        tickets = ticket_rows(settings, core)
        where = core.topics.tickets_changelog
        return [
            Suspected(
                suspect,
                figures_without(
                    core,
                    found.metric,
                    tickets,
                    segment_name(labels),
                    start_ms=found.start_ms,
                    end_ms=found.end_ms,
                    tenant=tenant,
                    author=bytes.fromhex(suspect.author),
                ),
            )
            for suspect in suspects
        ]
    except UNREADABLE as exc:
        raise CommandError(f"{where}: the state cannot be read: {exc}") from exc
    except CommandError:
        raise
    except Exception as exc:
        raise CommandError(impossible(where, raised_in(exc))) from exc


def ticket_rows(settings: Settings, core: CoreConfig) -> list[dict[bytes, bytes]]:
    """The rows of all tickets, by source partition; ``core`` with the topics' own counts. Raises CommandError."""
    numbers = range(core.source_partitions)
    rows = kafka.run(settings, surviving_rows(settings, core.topics.tickets_changelog, numbers))
    return [rows[number] for number in numbers]

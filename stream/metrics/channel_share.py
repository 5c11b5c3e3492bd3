"""Through which channels customers come."""

from typing import Final

from stream.core.config import CoreConfig
from stream.core.interval import Sample, Share, wilson
from stream.core.measure import EXCLUDED_SLOTS, Figure, Measure, Series, Tally
from stream.core.metric import FigureName, Metric, excluded_of
from stream.core.ticket import ALWAYS, Ticket

CHANNELS: Final = ("email", "chat", "voice", "sms", "social", "web")
"""Those that the event contract names. Their positions are slots, so new ones go to the end."""
_SLOTS: Final = {channel: EXCLUDED_SLOTS + 1 + position for position, channel in enumerate(CHANNELS)}
_OTHER: Final = EXCLUDED_SLOTS
_NAMES: Final = {**{slot: channel for channel, slot in _SLOTS.items()}, _OTHER: "other"}


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    creation = ticket.creation
    if creation is None or ticket.gone:
        return []
    labels = ticket.labels_at(ticket.base_ms, config)
    return [(ticket.base_ms, labels, _SLOTS.get(creation.channel, _OTHER), 1)]


def _figures(tally: Tally) -> list[Figure]:
    counts = {name: tally.get(slot, 0) for slot, name in _NAMES.items()}
    n = sum(counts.values())
    figures = [
        Figure(
            metric="channel_share",
            n=n,
            value=None,
            unit="ratio",
            parts={**counts, "contacts": n},
            excluded=excluded_of(tally),
        )
    ]
    for name, count in counts.items():
        if count:
            low, high = wilson(count, n) or (None, None)
            figures.append(
                Figure(
                    metric=f"channel_share_{name}",
                    n=n,
                    value=count / n,
                    unit="ratio",
                    parts={name: count, "contacts": n},
                    low=low,
                    high=high,
                )
            )
    return figures


def _samples(tally: Tally) -> dict[str, Sample | None]:
    counts = {name: tally.get(slot, 0) for slot, name in _NAMES.items()}
    n = sum(counts.values())
    return {f"channel_share_{name}": Share(count, n) for name, count in counts.items() if count}


def _series(name: str) -> Series:
    metric = f"channel_share_{name}"
    return Series(
        "channel_share_ratio",
        "Contacts through this channel / contacts.",
        lambda figure: figure.value if figure.metric == metric else None,
        (("through", name),),
    )


METRIC: Final = Metric(
    id=29,
    name="channel_share",
    title="Channels of contacts",
    unit="ratio",
    definition=(
        "Contacts through a channel / contacts, a contact being a ticket in the window of its creation. One figure per channel, such as "
        "channel_share_email; channels other than email, chat, voice, sms, social and web are channel_share_other together. "
        "95 % intervals after Wilson."
    ),
    source="Ours: contacts of a channel / contacts, the plain share",
    null_rule="Null of channel_share itself, which carries the counts; a channel without contacts has no figure.",
    excluded_reasons=(),
    reads=ALWAYS,
    measures=_measures,
    figures=_figures,
    samples=_samples,
    interval=True,
    only_counts=True,
    others=tuple(FigureName(f"channel_share_{name}", "ratio", (0.0, 1.0)) for name in _NAMES.values()),
    series=(
        *map(_series, (*CHANNELS, "other")),
        Series(
            "channel_share_contacts",
            "Contacts, through whatever channel.",
            lambda figure: figure.n,
        ),
    ),
)

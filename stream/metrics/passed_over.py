"""Messages that stop no clock while a customer waits: bots', the system's, private notes. They are counted beside the waits, by reason."""

from typing import Final

from stream.core.fact import AGENT, BOT, PUBLIC_BOT, PUBLIC_SYSTEM, SYSTEM
from stream.core.measure import STOPS_NO_CLOCK
from stream.metrics.durations import EXCLUDED as OF_DURATIONS

EXCLUDED: Final = (*OF_DURATIONS, *STOPS_NO_CLOCK)
_BOT, _SYSTEM, _PRIVATE = (EXCLUDED.index(reason) for reason in STOPS_NO_CLOCK)
PASSED_OVER: Final = {
    PUBLIC_BOT: _BOT,
    PUBLIC_SYSTEM: _SYSTEM,
    AGENT * 2: _PRIVATE,
    BOT * 2: _PRIVATE,
    SYSTEM * 2: _PRIVATE,
}
"""A reply's code -> the slot that counts the first one of a wait."""
RULE: Final = (
    "Bots, system messages and private notes never stop the clock; of each wait the first public message of a bot, the first one of the "
    "system and the first private note are counted as bot, system and private, in the window of that message. "
)
"""A sentence for definitions."""

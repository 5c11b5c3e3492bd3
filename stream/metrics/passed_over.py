"""Messages that stop no clock while a customer waits: bots', and private notes. They are counted beside the waits, by reason."""

from typing import Final

from stream.core.fact import AGENT, BOT, PUBLIC_BOT
from stream.metrics.durations import EXCLUDED as OF_DURATIONS

EXCLUDED: Final = (*OF_DURATIONS, "bot", "private")
_BOT, _PRIVATE = (len(OF_DURATIONS) + number for number in range(2))
PASSED_OVER: Final = {PUBLIC_BOT: _BOT, AGENT * 2: _PRIVATE, BOT * 2: _PRIVATE}
"""A reply's code -> the slot that counts the first one of a wait."""
RULE: Final = (
    "Bots, system messages and private notes never stop the clock; of each wait the first public message of a bot and the first private "
    "note are counted as bot and private, in the window of that message. "
)
"""A sentence for definitions."""

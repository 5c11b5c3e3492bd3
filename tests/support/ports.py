"""Free ports for servers under test, one range per lane of the tests and below those that the system gives to clients."""

import itertools
import os
import socket

FIRST, PER_LANE = 20_000, 1_500
"""Linux gives clients ports from 32,768 on: one of those may be taken between being found free and being listened at."""

_lane = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
_turns = itertools.count(os.getpid() * 37)  # two runs side by side begin at different places


def free_ports(count: int) -> list[int]:
    """``count`` different ports of 127.0.0.1 that were free a moment ago and are not given again soon."""
    candidates = (FIRST + _lane * PER_LANE + turn % PER_LANE for turn in _turns)
    return list(itertools.islice(filter(_is_free, candidates), count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

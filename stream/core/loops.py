"""The innermost loops: compiled where the installation has a compiler, in Python where it has none. Results are the same."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stream.core import plain_loops as _loops
else:
    try:
        _loops = import_module("stream.core.compiled_loops")
    except ImportError:  # built for another Python, or not at all
        _loops = import_module("stream.core.plain_loops")

add = _loops.add
count_buckets = _loops.count_buckets
encode_row = _loops.encode_row
heads = _loops.heads
murmur2 = _loops.murmur2
pairs_of = _loops.pairs_of
pour = _loops.pour
quantiles_of = _loops.quantiles_of
shares = _loops.shares
slide = _loops.slide

# cython: language_level=3
"""The loops of stream.core.plain_loops in C: same names, same results. What they are for is said there."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_DelItem, PyDict_GetItemWithError, PyDict_SetItem
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object number, int* overflow) except? -1
    unsigned long long PyLong_AsUnsignedLongLong(object number) except? 0xFFFFFFFFFFFFFFFFULL


def murmur2(bytes key not None):
    cdef const unsigned char* at = <const unsigned char*>PyBytes_AS_STRING(key)
    cdef Py_ssize_t length = PyBytes_GET_SIZE(key)
    cdef uint32_t digest = 0x9747B28CU ^ <uint32_t>length
    cdef uint32_t word
    while length >= 4:
        word = at[0] | <uint32_t>at[1] << 8 | <uint32_t>at[2] << 16 | <uint32_t>at[3] << 24
        word *= 0x5BD1E995U
        word ^= word >> 24
        digest = digest * 0x5BD1E995U ^ word * 0x5BD1E995U
        at += 4
        length -= 4
    if length:
        if length == 3:
            digest ^= <uint32_t>at[2] << 16
        if length >= 2:
            digest ^= <uint32_t>at[1] << 8
        digest = (digest ^ at[0]) * 0x5BD1E995U
    digest = (digest ^ digest >> 13) * 0x5BD1E995U
    return digest ^ digest >> 15


cdef inline dict plain_dict(object tally):
    return tally if type(tally) is dict else dict(tally)


cdef inline int grow(dict into, object slot, object amount) except -1:
    cdef PyObject* old = PyDict_GetItemWithError(into, slot)
    PyDict_SetItem(into, slot, amount if old is NULL else <object>old + amount)
    return 0


def add(dict into not None, amounts):
    for slot, amount in plain_dict(amounts).items():
        grow(into, slot, amount)


def slide(dict into not None, amounts, sign=1):
    cdef PyObject* old
    cdef bint forward = sign == 1
    for slot, amount in plain_dict(amounts).items():
        old = PyDict_GetItemWithError(into, slot)
        if old is NULL:
            if amount:
                PyDict_SetItem(into, slot, amount if forward else sign * amount)
            continue
        total = <object>old + amount if forward else <object>old + sign * amount
        if total:
            PyDict_SetItem(into, slot, total)
        else:
            PyDict_DelItem(into, slot)


def pour(dict into not None, list pairs not None):
    cdef Py_ssize_t i, size = len(pairs)
    for i in range(0, size - 1, 2):
        grow(into, pairs[i], pairs[i + 1])
    if size & 1:
        raise ValueError("half a pair")


def pairs_of(dict tally not None):
    cdef list flat = []
    for slot, amount in tally.items():
        if amount:
            flat.append(slot)
            flat.append(amount)
    return flat


def heads(tally, int shift):
    cdef set found = set()
    cdef int64_t one, last = -1
    for slot in plain_dict(tally):
        one = <int64_t>slot >> shift
        if one != last:  # neighbours are mostly of one metric
            found.add(one)
            last = one
    return found


cdef unsigned char* number_of(unsigned char* at, uint64_t bits, int size) noexcept:
    """So many bytes, the highest first."""
    cdef int i
    for i in range(size):
        at[i] = <unsigned char>(bits >> 8 * (size - 1 - i))
    return at + size


cdef unsigned char* put(unsigned char* at, object number) except NULL:
    """One integer as MessagePack; at most nine bytes."""
    cdef int overflow = 0
    cdef long long value = PyLong_AsLongLongAndOverflow(number, &overflow)
    cdef uint64_t bits
    cdef int size
    if overflow:
        bits = PyLong_AsUnsignedLongLong(number)  # raises OverflowError
        at[0] = 0xCF
        size = 8
    elif value >= 0:
        bits = <uint64_t>value
        if value < 128:
            at[0] = <unsigned char>value
            return at + 1
        if value <= 0xFF:
            at[0], size = 0xCC, 1
        elif value <= 0xFFFF:
            at[0], size = 0xCD, 2
        elif value <= 0xFFFFFFFF:
            at[0], size = 0xCE, 4
        else:
            at[0], size = 0xCF, 8
    else:
        bits = <uint64_t>value
        if value >= -32:
            at[0] = <unsigned char>(value & 0xFF)
            return at + 1
        if value >= -0x80:
            at[0], size = 0xD0, 1
        elif value >= -0x8000:
            at[0], size = 0xD1, 2
        elif value >= -0x80000000LL:
            at[0], size = 0xD2, 4
        else:
            at[0], size = 0xD3, 8
    return number_of(at + 1, bits, size)


def encode_row(head, dict states not None, dict tally not None):
    cdef list slots = sorted(tally)
    cdef Py_ssize_t count = 1 + 3 * len(states) + 2 * len(slots)
    cdef unsigned char* start = <unsigned char*>PyMem_Malloc(5 + 9 * count)
    cdef unsigned char* at = start
    cdef int size
    if start is NULL:
        raise MemoryError
    try:
        if count < 16:
            at[0] = <unsigned char>(0x90 | count)
            size = 0
        elif count <= 0xFFFF:
            at[0], size = 0xDC, 2
        else:
            at[0], size = 0xDD, 4
        at = put(number_of(at + 1, count, size), head)
        for metric_id, state in states.items():
            at = put(at, metric_id)
            at = put(at, state)
            at[0] = 0
            at += 1
        for slot in slots:
            at = put(at, slot)
        for slot in slots:
            at = put(at, tally[slot])
        return PyBytes_FromStringAndSize(<char*>start, at - start)
    finally:
        PyMem_Free(start)


def shares(tally, int bits):
    cdef dict own = plain_dict(tally)
    cdef dict found = {}
    cdef list slots = sorted(own), share
    cdef Py_ssize_t begin = 0, end, i, n, size = len(slots)
    cdef int64_t head, mask = (1 << bits) - 1
    while begin < size:
        head = <int64_t>slots[begin] >> bits
        end = begin + 1
        while end < size and <int64_t>slots[end] >> bits == head:
            end += 1
        n = end - begin
        share = [head] + [None] * (2 * n)
        for i in range(n):
            share[1 + i] = <int64_t>slots[begin + i] & mask
            share[1 + n + i] = own[slots[begin + i]]
        found[head] = tuple(share)
        begin = end
    return found


cdef list in_order(dict tally, long first):
    cdef list slots = []
    for slot in tally:
        if <long>slot >= first:
            slots.append(slot)
    slots.sort()
    return slots


def count_buckets(tally, long first, dict parts not None, list names not None):
    cdef dict own = plain_dict(tally)
    total = 0
    for slot in in_order(own, first):
        count = own[slot]
        parts[names[<long>slot - first]] = count
        total += count
    return total


def quantiles_of(tally, long first, tuple percents not None, list middles not None):
    cdef dict own = plain_dict(tally)
    cdef list keys = [], up_to = [], found = []
    cdef Py_ssize_t position, low, high
    cdef double value
    total = 0
    for slot in in_order(own, first):
        count = own[slot]
        if count > 0:
            total += count
            keys.append(slot)
            up_to.append(total)
    if len(keys) <= 1:
        return [middles[<long>keys[0] - first] if keys else None] * len(percents)
    last = total - 1
    for percent in percents:
        rank, part = divmod(last * percent, 100)
        low, high = 0, len(up_to)
        while low < high:
            position = (low + high) >> 1
            if rank < up_to[position]:
                high = position
            else:
                low = position + 1
        value = middles[<long>keys[low] - first]
        if part and rank + 1 >= up_to[low]:
            value += (<double>middles[<long>keys[low + 1] - first] - value) * <double>part / 100
        found.append(value)
    return found

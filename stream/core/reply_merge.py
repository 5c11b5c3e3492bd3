"""Replies into the facts of their ticket; same rules and return values as :mod:`stream.core.ticket_merge`."""

from schemas import events as ev
from stream.core.fact import (
    AGENT,
    AUTHOR_BYTES,
    AUTHORS,
    BOT,
    CHANGED,
    KEY_BYTES,
    REPEATED,
    RERANKED,
    RETRACTIONS,
    Order,
    author_key,
    natural_key,
    order_of,
    order_text,
    supersedes,
)
from stream.core.ticket_facts import ID_BYTES, Facts, Retraction, keyed, rare_of


def reply_added(facts: Facts, time_ms: int, event: ev.ReplyAdded) -> int:
    data = event.data
    order = order_of(event)
    author = AUTHORS[data.author]
    at = (time_ms - facts.base_ms) * 8 + author * 2 + data.public
    voice = b""
    if data.public and author in (AGENT, BOT) and data.author_id:
        voice = author_key(data.author_id)
    key = natural_key(data.reply_id)
    reply_at = facts.reply_at
    if (
        isinstance(order, int)
        and key not in facts.reply_ids
        and (not reply_at or at >> 3 > reply_at[-1] >> 3)
        and not facts.reply_texts
    ):  # nearly always: a new one, after all that are known
        speaker = _speaker(facts, voice) if voice else 0  # may renumber the others: before the append
        reply_at.append(at)
        facts.reply_ids += key + order.to_bytes(1, "big")
        facts.reply_voices.append(speaker)
        return CHANGED
    index = facts.find_reply(key)
    outcome = CHANGED
    if index >= 0:
        outcome = _supersedes_reply(facts, index, at, order, voice)
        if outcome == REPEATED:
            return REPEATED
        _remove_reply(facts, index)
        if outcome == RERANKED and any(other >> 3 == at >> 3 for other in facts.reply_at):
            outcome = CHANGED  # it may move in front of or behind another one of its millisecond
    _insert_reply(facts, at, key, order, voice)
    return outcome


def _supersedes_reply(facts: Facts, index: int, at: int, order: Order, voice: bytes) -> int:
    standing_at = facts.reply_at[index]
    if at >> 3 != standing_at >> 3:
        return CHANGED if at >> 3 > standing_at >> 3 else REPEATED
    speaker = facts.reply_voices[index]
    new = (at & 7, voice)
    old = (
        standing_at & 7,
        facts.voices[(speaker - 1) * AUTHOR_BYTES : speaker * AUTHOR_BYTES] if speaker else b"",
    )
    if (order_text(order), new) <= (order_text(facts.reply_order(index)), old):
        return REPEATED
    return RERANKED if new == old else CHANGED


def _insert_reply(facts: Facts, at: int, key: bytes, order: Order, voice: bytes) -> None:
    reply_at = facts.reply_at
    index = len(reply_at)
    moment = at >> 3
    while index and reply_at[index - 1] >> 3 >= moment:  # nearly always at the end
        if reply_at[index - 1] >> 3 == moment:
            before = index - 1
            other = facts.reply_ids[before * ID_BYTES : before * ID_BYTES + KEY_BYTES]
            if (order_text(facts.reply_order(before)), other) <= (order_text(order), key):
                break
        index -= 1
    short = order if isinstance(order, int) else 0
    entry = key + short.to_bytes(1, "big")
    if not short and not facts.reply_texts:
        facts.reply_texts = [""] * len(reply_at)
    speaker = _speaker(facts, voice) if voice else 0
    if index == len(reply_at):
        reply_at.append(at)
        facts.reply_ids += entry
        facts.reply_voices.append(speaker)
    else:
        reply_at.insert(index, at)
        cut = index * ID_BYTES
        facts.reply_ids = facts.reply_ids[:cut] + entry + facts.reply_ids[cut:]
        facts.reply_voices.insert(index, speaker)
    if facts.reply_texts or not short:
        facts.reply_texts.insert(index, "" if short else str(order))


def _speaker(facts: Facts, voice: bytes) -> int:
    """The number of a voice; others' numbers move where it stands in front of them."""
    voices = facts.voices
    end = len(voices)
    cut = 0
    while cut < end and voices[cut : cut + AUTHOR_BYTES] < voice:
        cut += AUTHOR_BYTES
    index = cut // AUTHOR_BYTES
    if cut == end or voices[cut : cut + AUTHOR_BYTES] != voice:
        if cut < end:
            facts.reply_voices = [speaker + (speaker > index) for speaker in facts.reply_voices]
        facts.voices = voices[:cut] + voice + voices[cut:]
    return index + 1


def _remove_reply(facts: Facts, index: int) -> None:
    del facts.reply_at[index]
    cut = index * ID_BYTES
    facts.reply_ids = facts.reply_ids[:cut] + facts.reply_ids[cut + ID_BYTES :]
    if facts.reply_texts:
        del facts.reply_texts[index]
        if not any(facts.reply_texts):
            facts.reply_texts = []
    speaker = facts.reply_voices.pop(index)
    if speaker and speaker not in facts.reply_voices:
        facts.voices = facts.voices[: (speaker - 1) * AUTHOR_BYTES] + facts.voices[speaker * AUTHOR_BYTES :]
        facts.reply_voices = [other - (other > speaker) for other in facts.reply_voices]


def reply_retracted(facts: Facts, time_ms: int, event: ev.ReplyRetracted) -> int:
    retractions = rare_of(facts).retractions
    key = natural_key(event.data.reply_id)
    new = Retraction(time_ms - facts.base_ms, order_of(event), key, RETRACTIONS[event.data.reason])
    index, old = keyed(retractions, key)
    outcome = supersedes(new, old)
    if old is None:
        retractions.insert(index, new)
    elif outcome:
        retractions[index] = new
    return outcome

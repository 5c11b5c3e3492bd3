"""Signed bodies of CloudEvents -> log records, as Standard Webhooks (https://www.standardwebhooks.com) signs them. Knows no sockets."""

import binascii
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

from schemas.events import CONTENT_TYPE
from stream.gateway.files import Line, Unroutable, route

BATCH_TYPE: Final = "application/cloudevents-batch+json"
TYPES: Final = frozenset((CONTENT_TYPE.partition(";")[0], BATCH_TYPE, "application/json"))

MOST_EVENTS: Final = 1_000
"""Of one body."""
MOST_BYTES: Final = 1_000_000
"""Of one event: brokers take records of some 1,048,500 bytes unless they are told otherwise, key and headers among them."""

REMEMBERED: Final = 100_000
"""Bodies whose repetition is recognised; what is older is recognised by its events' ids, in the worker."""

MARK: Final = "whsec_"
SECRET_BYTES: Final = range(24, 65)


class Refused(NamedTuple):
    """Why a body was not taken."""

    status: int
    """Of the answer: 400 broken or no JSON, 401 not signed by a known secret or not lately, 408 slow, 413 too large or too many events,
    415 of another type, 422 no event of ours."""
    outcome: str
    """For counting: a word."""
    text: str
    """What to mend; nothing of the body is in it."""


class SecretError(ValueError):
    """No secrets that can be used; the message says why and shows none."""


def secrets_of(text: str) -> tuple[str, ...]:
    """The lines of a secrets file, the newest first by custom: any of them may have signed. Raises SecretError."""
    secrets = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not secrets:
        raise SecretError("it holds no secret")
    for number, secret in enumerate(secrets, 1):
        try:
            size = len(binascii.a2b_base64(secret.removeprefix(MARK), strict_mode=True))
        except binascii.Error:
            size = 0
        if not secret.startswith(MARK) or size not in SECRET_BYTES:
            raise SecretError(
                f"secret {number} is not {MARK} and the base64 of {SECRET_BYTES.start} to {SECRET_BYTES.stop - 1} bytes"
            )
    return secrets


class Door:
    """Lets in what one of the secrets has signed within five minutes of the clock."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """``secrets`` are those of :func:`secrets_of`."""
        self._hooks = [Webhook(secret) for secret in secrets]
        self._taken: OrderedDict[bytes, None] = OrderedDict()

    def signed(self, headers: Mapping[str, str], body: bytes) -> Refused | None:
        """Whether a known secret has signed the body, its id and its time."""
        why = "its signature"
        for hook in self._hooks:
            try:
                hook.verify(body, dict(headers), json_parse=False)
            except WebhookVerificationError as exc:
                why = str(exc).lower()
            except ValueError:  # a body that is not UTF-8, a signature without a version, no base64
                continue
            else:
                return None
        return Refused(
            401,
            "unsigned",
            f"refused: {why}; webhook-id, webhook-timestamp and webhook-signature are those of Standard Webhooks",
        )

    def repeated(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether this body was taken already under this id."""
        return _fingerprint(headers, body) in self._taken

    def remember(self, headers: Mapping[str, str], body: bytes) -> None:
        """It is with the brokers."""
        self._taken[_fingerprint(headers, body)] = None
        if len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)


def lines_of(content_type: str, body: bytes) -> list[Line] | Refused:
    """The events of a body, each as its own bytes with topic and key: one object, or an array of them. All of them or none."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in TYPES:
        return Refused(415, "content_type", f"Content-Type must be one of {', '.join(sorted(TYPES))}")
    try:
        is_array = body.lstrip()[:1] == b"["
        raws = _array(body) if is_array else [_object(body)]
    except (msgspec.DecodeError, RecursionError):
        return Refused(400, "no_json", "the body is neither a JSON object nor an array of them")
    if len(raws) > MOST_EVENTS:
        return Refused(413, "too_large", f"{len(raws)} events; at most {MOST_EVENTS} in one body")
    lines: list[Line] = []
    for number, raw in enumerate(raws, 1):
        value = bytes(raw)
        if len(value) > MOST_BYTES:
            return Refused(
                413, "too_large", f"event {number} of {len(raws)} is larger than {MOST_BYTES} bytes"
            )
        line = route(number, value)
        if isinstance(line, Unroutable):
            return Refused(422, "unroutable", f"event {number} of {len(raws)}: {line.reason}; none was taken")
        lines.append(line)
    return lines


_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_object = msgspec.json.Decoder(msgspec.Raw).decode


def _fingerprint(headers: Mapping[str, str], body: bytes) -> bytes:
    digest = hashlib.blake2b(headers.get("webhook-id", "").encode("utf-8", "surrogateescape"), digest_size=16)
    digest.update(b"\0" + body)
    return digest.digest()

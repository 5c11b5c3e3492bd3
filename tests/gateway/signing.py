"""What a platform does that sends webhooks."""

import base64
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"o" * 32).decode()


def signed(
    body: bytes, *, secret: str = SECRET, message: str = "msg-1", age_seconds: float = 0
) -> dict[str, str]:
    """The headers of a body that was signed so long ago."""
    at = datetime.now(tz=UTC) - timedelta(seconds=age_seconds)
    return {
        "content-type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, at, body.decode("utf-8", "replace")),
    }

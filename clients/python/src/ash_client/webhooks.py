"""What a receiver of webhooks does first: find out whether ashd said it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

TOLERANCE_SECONDS = 300
"""How old, or how far ahead, an attempt may be: what was recorded is not played again later."""


class WebhookError(Exception):
    """It is not signed with this secret, or was not signed now: do not believe it, answer 400."""


def verify_webhook(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> dict[str, Any]:
    """Answers the event of a request. `body` is the body as it came, byte for byte.

    The same event may come again: its `webhook-id` is the same then.
    """
    found = {name.lower(): value for name, value in headers.items()}
    name, seconds = found.get("webhook-id", ""), found.get("webhook-timestamp", "")
    if not name or not (seconds.isascii() and seconds.isdigit()):
        raise WebhookError("it has no `webhook-id` or no `webhook-timestamp`")
    if abs((time.time() if now is None else now) - int(seconds)) > tolerance:
        raise WebhookError("it was signed at another time; is the clock right?")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise WebhookError("the secret is none: it begins with `whsec_`") from None
    expected = hmac.new(key, f"{name}.{seconds}.".encode() + body, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(expected).decode()
    for signature in found.get("webhook-signature", "").split():
        if hmac.compare_digest(signature.encode(), wanted.encode()):
            event: dict[str, Any] = json.loads(body)
            return event
    raise WebhookError("it is not signed with this secret")

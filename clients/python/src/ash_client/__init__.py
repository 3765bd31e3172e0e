"""The client of Ash: `Ash`, and `AsyncAsh` for asyncio."""

from . import models
from ._async import AsyncAsh, AsyncSession, AsyncTurn
from ._core import Event, ToolUse
from ._sync import Ash, Session, Turn
from .errors import AshConnectionError, AshError
from .webhooks import WebhookError, verify_webhook

__all__ = [
    "Ash",
    "AshConnectionError",
    "AshError",
    "AsyncAsh",
    "AsyncSession",
    "AsyncTurn",
    "Event",
    "Session",
    "ToolUse",
    "Turn",
    "WebhookError",
    "models",
    "verify_webhook",
]

"""What both clients do alike, without input and output: requests, retries, events."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from .errors import AshConnectionError, AshError
from .operations import OPERATIONS

FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0
# Nothing comes for longer only if the connection is dead: ashd sends a comment every 15 seconds.
SILENCE_SECONDS = 60.0
# Of a server, or of a proxy before it, that is away for a moment.
AWAY = (429, 502, 503, 504)


@dataclass(frozen=True)
class Event:
    """A server-sent event."""

    id: int
    event: str
    data: Any


def may_pass(error: Exception) -> bool:
    """Whether another try may succeed where this one did not."""
    return isinstance(error, httpx.TransportError) or isinstance(error, AshError) and error.status in AWAY


class Patience:
    """Says how long to wait before the next try, until it is over."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.refresh()

    def refresh(self) -> None:
        """It goes on: what comes next has all the time again."""
        self._wait = FIRST_WAIT_SECONDS
        self._end = time.monotonic() + self._seconds

    def next(self, cause: Exception) -> float:
        told = cause.retry_after or 0.0 if isinstance(cause, AshError) else 0.0
        wait = max(told, self._wait * random.uniform(0.5, 1.0))
        if time.monotonic() + wait > self._end:
            if isinstance(cause, AshError):
                raise cause
            raise AshConnectionError("the server cannot be reached") from cause
        self._wait = min(self._wait * 2, LONGEST_WAIT_SECONDS)
        return wait


class EventReader:
    """Makes events of lines."""

    def __init__(self) -> None:
        self._id = 0
        self._event = ""
        self._data: list[str] = []

    def line(self, line: str) -> Event | None:
        if line:
            name, _, text = line.partition(":")
            text = text.removeprefix(" ")
            if name == "id":
                self._id = int(text)
            elif name == "event":
                self._event = text
            elif name == "data":
                self._data.append(text)
            return None
        event = Event(self._id, self._event or "message", json.loads("\n".join(self._data))) if self._data else None
        self._event, self._data = "", []
        return event


@dataclass
class Place:
    """How far a stream was read: lets each event pass once."""

    after: int = 0

    def is_new(self, event: Event) -> bool:
        if event.event == "resync":
            self.after = event.data["from"]
            return True
        if event.id <= self.after:
            return False
        self.after = event.id
        return True


@dataclass
class Call:
    """An operation that is to be asked for."""

    operation: str
    path: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.method, self.template, idempotent = OPERATIONS[self.operation]
        if idempotent:
            self.headers = {"idempotency-key": str(uuid.uuid4())} | self.headers
        self.repeatable = idempotent or self.method in ("GET", "PUT", "DELETE")

    def request(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        url = self.template
        for name, value in self.path.items():
            # A path of a file keeps its slashes.
            url = url.replace(f"{{{name}}}", quote(str(value), safe="/" if name == "path" else ""))
        words = {True: "true", False: "false"}
        query = {
            name: words[value] if isinstance(value, bool) else value
            for name, value in self.query.items()
            if value is not None
        }
        if self.body is None:
            return client.build_request(self.method, url, params=query, headers=self.headers)
        if isinstance(self.body, bytes):
            return client.build_request(self.method, url, params=query, headers=self.headers, content=self.body)
        return client.build_request(self.method, url, params=query, headers=self.headers, json=self.body)


class Traced(httpx.Auth):
    """Names in each request the span that it is a part of, unless the request names one itself."""

    def __init__(self, traceparent: Callable[[], str | None]) -> None:
        self._traceparent = traceparent

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        current = self._traceparent()
        if current is not None and "traceparent" not in request.headers:
            request.headers["traceparent"] = current
        yield request


def settings(url: str, api_key: str, traceparent: Callable[[], str | None] | None) -> dict[str, Any]:
    return {
        "auth": None if traceparent is None else Traced(traceparent),
        "base_url": url,
        "headers": {"authorization": f"Bearer {api_key}"},
        "timeout": httpx.Timeout(SILENCE_SECONDS, connect=10.0),
    }


@dataclass
class Outcome:
    """What a turn came to."""

    result: str | None = None
    failed: AshError | None = None

    def add(self, event: Event) -> None:
        if event.event == "turn_complete":
            self.result = event.data["result"]
        elif event.event == "error":
            self.failed = AshError(200, event.data.get("code", "turn_failed"), event.data["error"])

    def text(self) -> str:
        if self.result is None:
            raise self.failed or AshError(200, "turn_failed", "the turn has no result")
        return self.result


@dataclass(frozen=True)
class ToolUse:
    """A use of a tool, with its result."""

    name: str
    input: Any
    content: Any
    is_error: bool


class Tools:
    """Joins the uses of tools with their results."""

    def __init__(self) -> None:
        self._open: dict[str, Any] = {}

    def add(self, event: Event) -> Iterator[ToolUse]:
        if event.event == "tool_use":
            self._open[event.data["id"]] = event.data
        elif event.event == "tool_result" and (use := self._open.pop(event.data["tool_use_id"], None)):
            failed = bool(event.data.get("is_error", False))
            yield ToolUse(use["name"], use["input"], event.data["content"], failed)


def message(session: str, content: Any, options: dict[str, Any]) -> Call:
    named = {"idempotency-key": str(uuid.uuid4())}
    if (traceparent := options.pop("traceparent", None)) is not None:
        named["traceparent"] = traceparent
    return Call("sendMessage", path={"id": session}, body={"content": content, **options}, headers=named)


def files(name: str, texts: dict[str, str]) -> dict[str, Any]:
    """The body of a deploy."""
    from base64 import b64encode

    encoded = [{"path": path, "content": b64encode(text.encode()).decode()} for path, text in texts.items()]
    return {"name": name, "files": encoded}

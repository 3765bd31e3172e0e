"""The client. Made from _async.py by `python generate.py`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Callable
from typing import Any, cast

import httpx

from . import models
from ._core import (
    Call,
    Event,
    EventReader,
    Outcome,
    Patience,
    Place,
    Tools,
    ToolUse,
    files,
    may_pass,
    message,
    settings,
)
from .errors import AshError

Open = Callable[[int], Call]


class Ash:
    """A client of Ash; `with`, or `close()` at its end.

    `patience` is how many seconds the server may be away before a request or a stream fails.
    `traceparent` is asked before each request for the span that it is a part of.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        patience: float = 60.0,
        traceparent: Callable[[], str | None] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._client = httpx.Client(**settings(url, api_key, traceparent), transport=transport)
        self._patience = patience

    def __enter__(self) -> Ash:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def _send(self, call: Call) -> httpx.Response:
        patience = Patience(self._patience)
        while True:
            try:
                response = self._client.send(call.request(self._client))
                if response.is_success:
                    return response
                raise AshError.of(response)
            except (httpx.TransportError, AshError) as error:
                if not call.repeatable or not may_pass(error):
                    raise
                time.sleep(patience.next(error))

    def call(
        self,
        operation: str,
        *,
        path: dict[str, Any] | None = None,
        query: dict[str, Any] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Any operation by the name that `docs/openapi.json` gives it; its JSON, else its bytes."""
        response = self._send(Call(operation, path or {}, query or {}, body, headers or {}))
        return response.json() if "json" in response.headers.get("content-type", "") else response.content

    def _follow(self, open_at: Open, last: str | None, after: int = 0) -> Iterator[Event]:
        """Every event once, in order, however often the connection or the server goes away."""
        patience, place = Patience(self._patience), Place(after)
        while True:
            cause: Exception = httpx.RemoteProtocolError("the stream ended too early")
            try:
                request = open_at(place.after).request(self._client)
                response = self._client.send(request, stream=True)
                try:
                    if response.status_code == 204:
                        return
                    if not response.is_success:
                        response.read()
                        raise AshError.of(response)
                    reader = EventReader()
                    for line in response.iter_lines():
                        patience.refresh()
                        event = reader.line(line)
                        if event is None or not place.is_new(event):
                            continue
                        yield event
                        if event.event == last:
                            return
                finally:
                    response.close()
            except (httpx.TransportError, AshError) as error:
                if not may_pass(error):
                    raise
                cause = error
            time.sleep(patience.next(cause))

    def deploy(self, name: str, texts: dict[str, str]) -> models.Agent:
        """Deploys an agent from texts, by their paths."""
        answer = self.call("deployAgent", body=files(name, texts))
        return cast(models.Agent, answer["agent"])

    def agents(self) -> list[models.Agent]:
        return cast(list[models.Agent], self.call("listAgents")["agents"])

    def create_session(self, agent: str, **options: Any) -> Session:
        """`options` are the members of `CreateSession`, as the API names them."""
        answer = self.call("createSession", body={"agent": agent, **options})
        return Session(self, answer["session"]["id"])

    def session(self, id: str) -> Session:
        """One that is there; nothing is asked yet."""
        return Session(self, id)

    def sessions(self, *, agent: str | None = None, status: str | None = None) -> Iterator[models.Session]:
        """Every session, the newest first, page by page."""
        query: dict[str, Any] = {"agent": agent, "status": status, "limit": 100, "cursor": None}
        while True:
            page = self.call("listSessions", query=query)
            for session in page["sessions"]:
                yield session
            query["cursor"] = page.get("nextCursor")
            if query["cursor"] is None:
                return


class Session:
    """A session. Its methods ask; it holds nothing but its id."""

    def __init__(self, ash: Ash, id: str) -> None:
        self._ash = ash
        self.id = id

    def get(self) -> models.Session:
        return self._session("getSession")

    def _session(self, operation: str) -> models.Session:
        answer = self._ash.call(operation, path={"id": self.id})
        return cast(models.Session, answer["session"])

    def send(self, content: Any, **options: Any) -> Turn:
        """Sends a message; its turn begins when it is read. It is never taken twice.

        `options` are the members of `SendMessage`, as the API names them; and `traceparent`.
        """
        call = message(self.id, content, options)

        def open_at(after: int) -> Call:
            if after:
                call.headers["last-event-id"] = str(after)
            return call

        return Turn(self._ash._follow(open_at, "done"))

    def say(self, text: str, **options: Any) -> str:
        """Says a text and answers what the agent answers."""
        return self.send(text, **options).text()

    def watch(self, *, after: int | None = None, **query: Any) -> Iterator[Event]:
        """What happens in the session behind the event `after` (0: from its start), until it ends."""

        def open_at(place: int) -> Call:
            begin = None if after is None and place == 0 else place
            return Call("streamSession", {"id": self.id}, {"after": begin, **query})

        return self._ash._follow(open_at, "done" if query.get("until") == "done" else None, after or 0)

    def answer(self, permission: str, behavior: str, **more: Any) -> models.PermissionAnswered:
        """Answers what the session asks, e.g. in a `permission_request`."""
        path = {"id": self.id, "permission": permission}
        answer = self._ash.call("answerPermission", path=path, body={"behavior": behavior, **more})
        return cast(models.PermissionAnswered, answer)

    def interrupt(self) -> models.Interrupted:
        return cast(models.Interrupted, self._ash.call("interruptSession", path={"id": self.id}))

    def read_file(self, path: str) -> bytes:
        response = self._ash._send(Call("readFile", {"id": self.id, "path": path}))
        return response.content

    def write_file(self, path: str, content: bytes) -> None:
        self._ash.call("writeFile", path={"id": self.id, "path": path}, body=content)

    def end(self) -> models.Session:
        return self._session("endSession")


class Turn:
    """A turn: its events, each once, up to `done`. It can be read once."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def deltas(self) -> Iterator[str]:
        """The text as it is written; wants `includePartialMessages=True`."""
        for event in self._events:
            if event.event == "text_delta":
                yield event.data["delta"]

    def tools(self) -> Iterator[ToolUse]:
        """Each use of a tool with its result, when it has one."""
        tools = Tools()
        for event in self._events:
            for use in tools.add(event):
                yield use

    def text(self) -> str:
        """Reads to the end: what the agent answered. Raises what failed."""
        outcome = Outcome()
        for event in self._events:
            outcome.add(event)
        return outcome.text()

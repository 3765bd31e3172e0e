"""The asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
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


class AsyncAsh:
    """A client of Ash; `async with`, or `aclose()` at its end.

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
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = httpx.AsyncClient(**settings(url, api_key, traceparent), transport=transport)
        self._patience = patience

    async def __aenter__(self) -> AsyncAsh:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _send(self, call: Call) -> httpx.Response:
        patience = Patience(self._patience)
        while True:
            try:
                response = await self._client.send(call.request(self._client))
                if response.is_success:
                    return response
                raise AshError.of(response)
            except (httpx.TransportError, AshError) as error:
                if not call.repeatable or not may_pass(error):
                    raise
                await asyncio.sleep(patience.next(error))

    async def call(
        self,
        operation: str,
        *,
        path: dict[str, Any] | None = None,
        query: dict[str, Any] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Any operation by the name that `docs/openapi.json` gives it; its JSON, else its bytes."""
        response = await self._send(Call(operation, path or {}, query or {}, body, headers or {}))
        return response.json() if "json" in response.headers.get("content-type", "") else response.content

    async def _follow(self, open_at: Open, last: str | None, after: int = 0) -> AsyncIterator[Event]:
        """Every event once, in order, however often the connection or the server goes away."""
        patience, place = Patience(self._patience), Place(after)
        while True:
            cause: Exception = httpx.RemoteProtocolError("the stream ended too early")
            try:
                request = open_at(place.after).request(self._client)
                response = await self._client.send(request, stream=True)
                try:
                    if response.status_code == 204:
                        return
                    if not response.is_success:
                        await response.aread()
                        raise AshError.of(response)
                    reader = EventReader()
                    async for line in response.aiter_lines():
                        patience.refresh()
                        event = reader.line(line)
                        if event is None or not place.is_new(event):
                            continue
                        yield event
                        if event.event == last:
                            return
                finally:
                    await response.aclose()
            except (httpx.TransportError, AshError) as error:
                if not may_pass(error):
                    raise
                cause = error
            await asyncio.sleep(patience.next(cause))

    async def deploy(self, name: str, texts: dict[str, str]) -> models.Agent:
        """Deploys an agent from texts, by their paths."""
        answer = await self.call("deployAgent", body=files(name, texts))
        return cast(models.Agent, answer["agent"])

    async def agents(self) -> list[models.Agent]:
        return cast(list[models.Agent], (await self.call("listAgents"))["agents"])

    async def create_session(self, agent: str, **options: Any) -> AsyncSession:
        """`options` are the members of `CreateSession`, as the API names them."""
        answer = await self.call("createSession", body={"agent": agent, **options})
        return AsyncSession(self, answer["session"]["id"])

    def session(self, id: str) -> AsyncSession:
        """One that is there; nothing is asked yet."""
        return AsyncSession(self, id)

    async def sessions(self, *, agent: str | None = None, status: str | None = None) -> AsyncIterator[models.Session]:
        """Every session, the newest first, page by page."""
        query: dict[str, Any] = {"agent": agent, "status": status, "limit": 100, "cursor": None}
        while True:
            page = await self.call("listSessions", query=query)
            for session in page["sessions"]:
                yield session
            query["cursor"] = page.get("nextCursor")
            if query["cursor"] is None:
                return


class AsyncSession:
    """A session. Its methods ask; it holds nothing but its id."""

    def __init__(self, ash: AsyncAsh, id: str) -> None:
        self._ash = ash
        self.id = id

    async def get(self) -> models.Session:
        return await self._session("getSession")

    async def _session(self, operation: str) -> models.Session:
        answer = await self._ash.call(operation, path={"id": self.id})
        return cast(models.Session, answer["session"])

    def send(self, content: Any, **options: Any) -> AsyncTurn:
        """Sends a message; its turn begins when it is read. It is never taken twice.

        `options` are the members of `SendMessage`, as the API names them; and `traceparent`.
        """
        call = message(self.id, content, options)

        def open_at(after: int) -> Call:
            if after:
                call.headers["last-event-id"] = str(after)
            return call

        return AsyncTurn(self._ash._follow(open_at, "done"))

    async def say(self, text: str, **options: Any) -> str:
        """Says a text and answers what the agent answers."""
        return await self.send(text, **options).text()

    def watch(self, *, after: int | None = None, **query: Any) -> AsyncIterator[Event]:
        """What happens in the session behind the event `after` (0: from its start), until it ends."""

        def open_at(place: int) -> Call:
            begin = None if after is None and place == 0 else place
            return Call("streamSession", {"id": self.id}, {"after": begin, **query})

        return self._ash._follow(open_at, "done" if query.get("until") == "done" else None, after or 0)

    async def answer(self, permission: str, behavior: str, **more: Any) -> models.PermissionAnswered:
        """Answers what the session asks, e.g. in a `permission_request`."""
        path = {"id": self.id, "permission": permission}
        answer = await self._ash.call("answerPermission", path=path, body={"behavior": behavior, **more})
        return cast(models.PermissionAnswered, answer)

    async def interrupt(self) -> models.Interrupted:
        return cast(models.Interrupted, await self._ash.call("interruptSession", path={"id": self.id}))

    async def read_file(self, path: str) -> bytes:
        response = await self._ash._send(Call("readFile", {"id": self.id, "path": path}))
        return response.content

    async def write_file(self, path: str, content: bytes) -> None:
        await self._ash.call("writeFile", path={"id": self.id, "path": path}, body=content)

    async def end(self) -> models.Session:
        return await self._session("endSession")


class AsyncTurn:
    """A turn: its events, each once, up to `done`. It can be read once."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._events

    async def deltas(self) -> AsyncIterator[str]:
        """The text as it is written; wants `includePartialMessages=True`."""
        async for event in self._events:
            if event.event == "text_delta":
                yield event.data["delta"]

    async def tools(self) -> AsyncIterator[ToolUse]:
        """Each use of a tool with its result, when it has one."""
        tools = Tools()
        async for event in self._events:
            for use in tools.add(event):
                yield use

    async def text(self) -> str:
        """Reads to the end: what the agent answered. Raises what failed."""
        outcome = Outcome()
        async for event in self._events:
            outcome.add(event)
        return outcome.text()

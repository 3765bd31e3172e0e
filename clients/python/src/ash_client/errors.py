"""What goes wrong, as the server says it, or because there is no server."""

from __future__ import annotations

import httpx


class AshError(Exception):
    """The server refused the request. Decide by `code`; the texts are for people."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        field: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.field = field
        self.retry_after = retry_after

    @classmethod
    def of(cls, response: httpx.Response) -> AshError:
        """Of an answer whose body was read."""
        try:
            problem = response.json()
            assert isinstance(problem, dict)
        except (ValueError, AssertionError):
            problem = {}  # not from ashd: a proxy's page
        after = response.headers.get("retry-after", "")
        return cls(
            response.status_code,
            str(problem.get("code", "unknown")),
            str(problem.get("message") or response.text[:200] or f"the server answered {response.status_code}"),
            hint=problem.get("hint"),
            field=problem.get("field"),
            retry_after=float(after) if after.isdigit() else None,
        )


class AshConnectionError(Exception):
    """The server could not be reached, or left, for longer than the client waits."""

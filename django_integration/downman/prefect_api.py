"""Asks Prefect's REST API: the only module that does; what sets Prefect up uses Prefect's own client besides.

With httpx: Prefect's own client would cost each process 2.5 s and 50 MB at its first question
(docs/decisions/0003-trigger-by-rest.md), and cannot be bounded to a total time.
"""

import weakref
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx

from downman.settings import app_settings

#: The most that Prefect gives at once.
PAGE = 200


class PrefectUnavailable(Exception):
    """Prefect's server cannot be reached, does not take our login, or cannot answer; its text says which."""


class LoginRefused(PrefectUnavailable):
    """The server answers, but does not take our login."""


class PrefectApi:
    """One Prefect server; safe to share between threads."""

    def __init__(self, *, api_url: str, auth_string: str = "", timeout_seconds: float) -> None:
        """Keep one connection pool; nothing is sent yet."""
        user, _, password = auth_string.partition(":")
        self._client = httpx.Client(
            base_url=api_url.rstrip("/") + "/",
            auth=httpx.BasicAuth(user, password) if auth_string else None,
            timeout=timeout_seconds,
            trust_env=False,
        )
        # Also when nobody closes it: at the end of the process, or when two threads made one at the same moment.
        self.close = weakref.finalize(self, self._client.close)

    @classmethod
    def from_settings(cls, *, timeout_seconds: float) -> "PrefectApi":
        """Make one for the server that the settings name."""
        settings = app_settings()
        return cls(
            api_url=settings.prefect_api_url,
            auth_string=settings.prefect_api_auth_string.get_secret_value(),
            timeout_seconds=timeout_seconds,
        )

    def find(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON of an answer, or nothing where there is no such thing. Raises `PrefectUnavailable`."""
        answer = self._send(method, path, body)
        return None if answer is None else _json(answer)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON of an answer. Raises `PrefectUnavailable`, also when there is no such thing."""
        found = self.find(method, path, body)
        if found is None:
            raise PrefectUnavailable(f"HTTP {httpx.codes.NOT_FOUND:d}")
        return found

    def version_and_time(self, *, timeout_seconds: float) -> tuple[str, datetime | None]:
        """Return Prefect's version, and the time on the server's clock, in whole seconds, where the answer bears one.

        Raises `PrefectUnavailable`, also when what answers is something else.
        """
        answer = self._send("GET", "admin/version", timeout_seconds=timeout_seconds)
        version = None if answer is None else _json(answer)
        if answer is None or not isinstance(version, str):
            raise PrefectUnavailable("what answers is no Prefect API")
        date = answer.headers.get("Date")
        return version, parsedate_to_datetime(date) if date else None

    def is_up(self) -> bool:
        """Return whether the server answers, and takes our login."""
        try:
            return self.find("GET", "health") is True and isinstance(self.find("GET", "admin/version"), str)
        except PrefectUnavailable:
            return False

    def has_pool(self, pool: str) -> bool:
        """Return whether the work pool exists; a server that does not answer has none yet."""
        try:
            return self.find("GET", f"work_pools/{quote(pool)}") is not None
        except PrefectUnavailable:
            return False

    def has_worker(self, pool: str, *, since: datetime) -> bool:
        """Return whether a worker of the pool has sent a heartbeat since then; where nothing answers, none has."""
        online = {"workers": {"status": {"any_": ["ONLINE"]}}}
        try:
            workers = self.find("POST", f"work_pools/{quote(pool)}/workers/filter", online) or ()
        except PrefectUnavailable:
            return False
        return any(datetime.fromisoformat(worker["last_heartbeat_time"]) > since for worker in workers)

    def pages(self, path: str, body: Mapping[str, Any], *, most: int) -> Iterator[dict[str, Any]]:
        """Return up to `most` items of a list that is asked for by POST. Raises `PrefectUnavailable`."""
        given = 0
        while given < most:
            page = self.ask("POST", path, {**body, "limit": min(PAGE, most - given), "offset": given})
            yield from page
            given += len(page)
            if len(page) < PAGE:
                return

    def _send(
        self, method: str, path: str, body: Any = None, *, timeout_seconds: float | None = None
    ) -> httpx.Response | None:
        limits = httpx.USE_CLIENT_DEFAULT if timeout_seconds is None else timeout_seconds
        try:
            answer = self._client.request(method, path, json=body, timeout=limits)
        except httpx.HTTPError as exc:
            raise PrefectUnavailable(type(exc).__name__) from exc
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise LoginRefused(f"HTTP {answer.status_code}")
        if answer.is_error:
            raise PrefectUnavailable(f"HTTP {answer.status_code}")
        return answer


def _json(answer: httpx.Response) -> Any:
    if not answer.content:
        return {}
    try:
        return answer.json()
    except ValueError as exc:
        raise PrefectUnavailable("what answers is no Prefect API") from exc

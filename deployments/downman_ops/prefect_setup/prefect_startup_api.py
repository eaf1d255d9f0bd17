"""The little of Prefect's API that is asked while things come up, without the seconds that importing Prefect costs."""

import base64
import http.client
import json
import urllib.error
import urllib.request
from datetime import datetime
from typing import Any
from urllib.parse import quote

#: What an unready or restarting server answers with, seen from the client.
UNREADY = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ValueError)


class PrefectApi:
    """Asks one Prefect server; every question is answered with "no" as long as the server does not answer."""

    def __init__(self, url: str, auth_string: str, *, timeout_seconds: float = 5) -> None:
        """Nothing is sent yet."""
        self._url = url.rstrip("/")
        self._login = base64.b64encode(auth_string.encode()).decode()
        self._timeout = timeout_seconds
        # No proxy: the server is near.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def is_up(self) -> bool:
        """Return whether the server answers, and takes our login."""
        return self._ask("GET", "/health") is True and isinstance(self._ask("GET", "/admin/version"), str)

    def has_pool(self, pool: str) -> bool:
        """Return whether the work pool exists."""
        return isinstance(self._ask("GET", f"/work_pools/{quote(pool)}"), dict)

    def has_worker(self, pool: str, *, since: datetime) -> bool:
        """Return whether a worker of the pool has given a sign of life since then."""
        workers = self._ask(
            "POST", f"/work_pools/{quote(pool)}/workers/filter", {"workers": {"status": {"any_": ["ONLINE"]}}}
        )
        if not isinstance(workers, list):
            return False
        return any(datetime.fromisoformat(worker["last_heartbeat_time"]) > since for worker in workers)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - an address of our own settings
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {self._login}", "Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as exc:
            exc.close()  # it holds the connection
            return None
        except UNREADY:
            return None

"""What stands between somebody and Prefect's server, and fails requests as a server does whose database is away."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx

#: Headers that belong to one connection.
OF_THE_CONNECTION = {"host", "connection", "content-length", "transfer-encoding", "content-encoding"}
API = "/api"
#: What Prefect's server says when it does not know what is wrong.
FAILED = b'{"exception_message":"Internal Server Error"}'


class TroubledServer:
    """Passes on to a server what it is asked, but for what is to fail; knows no WebSockets, so workers poll."""

    def __init__(self, url: str) -> None:
        """Stand in front of the server whose API is at `url`."""
        self._failing: dict[re.Pattern[str], int] = {}
        self._lock = threading.Lock()
        self._far = httpx.Client(base_url=url.removesuffix(API), timeout=30, trust_env=False)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{API}"

    def fail(self, pattern: str, *, times: int) -> None:
        """Answer the next requests whose method and path match with 500, as often as said."""
        with self._lock:
            self._failing[re.compile(pattern)] = times

    def failed(self) -> bool:
        """Return whether all that was to fail has."""
        with self._lock:
            return not any(self._failing.values())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._far.close()

    def _is_to_fail(self, request: str) -> bool:
        with self._lock:
            for pattern, left in self._failing.items():
                if left and pattern.search(request):
                    self._failing[pattern] = left - 1
                    return True
        return False

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        troubled = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if troubled._is_to_fail(f"{self.command} {self.path}"):
                    self.send(500, {"Content-Type": "application/json"}, FAILED)
                    return
                headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_THE_CONNECTION}
                reply = troubled._far.request(self.command, self.path, headers=headers, content=body)
                self.send(reply.status_code, dict(reply.headers), reply.content)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815 - the base class names them

            def send(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in OF_THE_CONNECTION:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
                """Say nothing."""

        return Handler

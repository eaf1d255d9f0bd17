"""An HTTP server that sends what a script says, whatever is asked: for answers that no real server gives."""

import socketserver
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer, after which the connection is closed. `{port}` in a header is the server's port."""

    status: str = "200 OK"
    version: str = "HTTP/1.1"
    headers: tuple[str, ...] = ()
    body: bytes = b""
    #: What is sent before, such as `103 Early Hints`.
    before: bytes = b""
    #: Send nothing, and leave the connection open.
    hangs: bool = False

    def to_bytes(self, port: int) -> bytes:
        """Return what is sent."""
        lines = [f"{self.version} {self.status}", *self.headers, "Connection: close", "", ""]
        head = "\r\n".join(lines).replace("{port}", str(port))
        return self.before + head.encode("latin-1") + self.body


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 50

    def __init__(self, script: Sequence[Reply], host: str) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.over = threading.Event()
        super().__init__((host, 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are what many tests are about."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Answer the first request of a connection."""
        lines = [line.decode("latin-1").rstrip("\r\n") for line in iter(self.rfile.readline, b"\r\n") if line]
        method, path, _version = lines[0].split(" ", 2)
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        number = len(self.server.asked)
        self.server.asked.append(Asked(method=method, path=path, headers=headers))
        reply = self.server.script[min(number, len(self.server.script) - 1)]
        if reply.hangs:
            self.server.over.wait()
            return
        self.wfile.write(reply.to_bytes(int(self.server.server_address[1])))


class ScriptedServer:
    """A server in a thread of this process: the first request gets the first reply, and so on; the last one repeats."""

    def __init__(self, *script: Reply, host: str = "127.0.0.1") -> None:
        """Listen on a free port."""
        self._server = _Server(script, host)
        self.port = int(self._server.server_address[1])
        self.address = f"http://{host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def asked(self) -> Sequence[Asked]:
        """What was asked so far."""
        return self._server.asked

    def url(self, path: str = "data.bin") -> str:
        """Return the address of a path."""
        return f"{self.address}/{path}"

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop."""
        self._server.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

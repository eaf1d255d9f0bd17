"""A forward proxy (RFC 9110, 7.3.2): passes requests on and opens tunnels, and remembers what it was asked for."""

import base64
import contextlib
import select
import socket
import socketserver
import threading
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, login: str, hosts: Mapping[str, int]) -> None:
        self.login = login
        self.hosts = hosts
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are what many tests are about."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Serve one connection."""
        first = self.rfile.readline()
        head = [line for line in iter(self.rfile.readline, b"\r\n") if line]
        method, place, version = first.decode().split()
        self.server.asked.append(f"{method} {place}")
        wanted = b"basic " + base64.b64encode(self.server.login.encode()).lower()
        given = [line.partition(b":")[2].strip() for line in head if line.lower().startswith(b"proxy-authorization:")]
        if self.server.login and [value.lower() for value in given] != [wanted]:
            self.wfile.write(b"HTTP/1.1 407 Log in\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
            return
        parts = urlsplit(f"//{place}" if method == "CONNECT" else place)
        host, port = parts.hostname or "", parts.port or 80
        # What only the proxy can look up.
        target = ("127.0.0.1", self.server.hosts[host]) if host in self.server.hosts else (host, port)
        with socket.create_connection(target, timeout=10) as onward:
            if method == "CONNECT":
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                path = parts._replace(scheme="", netloc="").geturl() or "/"
                kept = [line for line in head if not line.lower().startswith(b"proxy-")]
                onward.sendall(f"{method} {path} {version}\r\n".encode() + b"".join(kept) + b"\r\n")
            self._pass_on(onward)

    def _pass_on(self, onward: socket.socket) -> None:
        sockets = [self.connection, onward]
        while True:
            for ready in select.select(sockets, [], [], 30)[0] or [None]:
                data = ready.recv(65536) if ready is not None else b""
                if not data:
                    return
                (onward if ready is self.connection else self.connection).sendall(data)


class ForwardProxy:
    """A proxy in a thread of this process; `hosts` are names that only it knows, each with a port of this machine."""

    def __init__(self, *, login: str = "", hosts: Mapping[str, int] | None = None) -> None:
        """Listen on a free port; `login` is `user:password`."""
        self._server = _Server(login, hosts or {})
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def asked(self) -> list[str]:
        """Return the methods and targets of what was asked."""
        return self._server.asked

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop."""
        with contextlib.suppress(OSError):
            self._server.shutdown()
        self._server.server_close()
        self._thread.join()

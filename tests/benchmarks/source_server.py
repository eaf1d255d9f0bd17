"""A quick HTTP server for benchmarks, in a process of its own: `python -m tests.benchmarks.source_server FOLDER`.

It prints its port. `/files/NAME` is a file of the folder, `/noise/BYTES` so many bytes that do not shrink, made on the
fly, whatever stands behind them.
"""

import contextlib
import random
import socketserver
import sys
from pathlib import Path

_BLOCK = 1 << 20


class _Handler(socketserver.StreamRequestHandler):
    server: "SourceServer"

    def handle(self) -> None:
        path = self.rfile.readline().split()[1].decode()
        while self.rfile.readline().strip():
            pass
        _, kind, name, *_ = path.split("/")
        # A benchmark that is over does not wait for the rest.
        with contextlib.suppress(ConnectionError):
            if kind == "files":
                self._send_file(self.server.folder / Path(name).name)
            else:
                self._send_noise(int(name))

    def _begin(self, size: int) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size)

    def _send_file(self, path: Path) -> None:
        size = path.stat().st_size
        self._begin(size)
        with path.open("rb") as file:
            self.connection.sendfile(file)

    def _send_noise(self, size: int) -> None:
        self._begin(size)
        while size:
            block = self.server.noise[: min(size, _BLOCK)]
            self.connection.sendall(block)
            size -= len(block)


class SourceServer(socketserver.ThreadingTCPServer):
    """Listens on a free port of 127.0.0.1."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.noise = random.Random(4).randbytes(_BLOCK)  # noqa: S311 - no secret


def main() -> None:
    """Serve until terminated."""
    with SourceServer(Path(sys.argv[1])) as server:
        print(server.server_address[1], flush=True)  # noqa: T201 - what it was asked for
        server.serve_forever()


if __name__ == "__main__":
    main()

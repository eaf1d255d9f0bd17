"""A server of data that stops half-way until it is told to go on: `python gated_source.py PORT FOLDER`.

`/NAME` sends half of it, writes `FOLDER/NAME.asked` and waits for `FOLDER/NAME.go`; it knows ranges.
"""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DATA = bytes(range(256)) * 8192
FOLDER = Path(sys.argv[2])


class Handler(BaseHTTPRequestHandler):
    """Answers every GET with the same data."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send the data, the second half when told to."""
        asked = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-")
        start = int(asked)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(DATA) - start))
        self.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"the same"')
        self.end_headers()
        half = max(start, len(DATA) // 2)
        self.wfile.write(DATA[start:half])
        self.wfile.flush()
        name = self.path.strip("/")
        (FOLDER / f"{name}.asked").touch()
        while not (FOLDER / f"{name}.go").exists():
            time.sleep(0.05)
        self.wfile.write(DATA[half:])


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

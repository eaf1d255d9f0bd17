"""Audit locked requirements with pip-audit against a copy of PyPI's advisory database, without a network.

    python deployments/make/advisories.py FOLDER REQUIREMENTS ...

FOLDER is a checkout of https://github.com/pypa/advisory-database. pip-audit asks a server for the advisories of each
package; here that is one on this machine, which answers from the files as api.osv.dev does (OSV schema 1.x). Exit
status 0: nothing is known of any of them; 1: something is, or the copy is missing, empty or older than 30 days.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import yaml
from packaging.utils import canonicalize_name
from packaging.version import Version

MOST_AGE = timedelta(days=30)


class Advisories:
    """The files of a copy: `vulns/PACKAGE/ID.yaml`."""

    def __init__(self, folder: Path) -> None:
        """Use a folder; nothing is read yet."""
        self._folder = folder / "vulns"

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for file in self._folder.glob("*/*.yaml"):
            found.setdefault(canonicalize_name(file.parent.name), []).append(file)
        return found

    def newest(self) -> datetime | None:
        """Return when the newest advisory was changed; None where there is none."""
        times = [
            datetime.fromisoformat(line.partition(":")[2].strip().strip("'\""))
            for files in self._files.values()
            for file in files
            for line in file.read_text().splitlines()
            if line.startswith("modified:")
        ]
        return max(times, default=None)

    def find(self, package: str, version: str) -> Iterator[dict[str, Any]]:
        """Return the advisories of a version of a package."""
        name, wanted = canonicalize_name(package), Version(version)
        for file in self._files.get(name, []):
            advisory = yaml.load(file.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - texts only, nothing is made
            affected = [
                one for one in advisory.get("affected", []) if canonicalize_name(one["package"]["name"]) == name
            ]
            if any(_concerns(one, wanted) for one in affected):
                yield advisory


def _concerns(affected: dict[str, Any], wanted: Version) -> bool:
    if str(wanted) in affected.get("versions", []):
        return True
    ranges = [one["events"] for one in affected.get("ranges", []) if one["type"] == "ECOSYSTEM"]
    return any(_is_within(events, wanted) for events in ranges)


def _is_within(events: list[dict[str, str]], wanted: Version) -> bool:
    """Return whether a version is in a range: OSV schema, `affected[].ranges[].events`."""
    within = False
    for event in events:
        kind, text = next(iter(event.items()))
        if kind == "introduced" and (text == "0" or wanted >= Version(text)):
            within = True
        elif (kind == "fixed" and wanted >= Version(text)) or (kind == "last_affected" and wanted > Version(text)):
            within = False
    return within


class Handler(BaseHTTPRequestHandler):
    """Answers as https://api.osv.dev/v1/query."""

    advisories: ClassVar[Advisories]

    def do_POST(self) -> None:
        """Return the advisories of the package that is asked for."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = list(self.advisories.find(asked["package"]["name"], asked["version"]))
        body = json.dumps({"vulns": found} if found else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


def main(folder: Path, requirements: list[str]) -> int:
    """Audit, and return the exit status."""
    Handler.advisories = Advisories(folder)
    newest = Handler.advisories.newest()
    if newest is None:
        print(f"{folder} has no advisories: it must be a copy of https://github.com/pypa/advisory-database")
        return 1
    is_old = newest < datetime.now(UTC) - MOST_AGE
    print(f"The newest advisory in {folder} is of {newest:%Y-%m-%d}.", flush=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    files = [word for file in requirements for word in ("--requirement", file)]
    done = subprocess.run(  # noqa: S603 - our own arguments
        [
            sys.executable, "-m", "pip_audit", "--strict", "--disable-pip", "--require-hashes", *files,
            "--progress-spinner=off", "--vulnerability-service=osv",
            f"--osv-url=http://127.0.0.1:{server.server_port}/v1/query",
        ],
        check=False,
    )  # fmt: skip
    if is_old:
        print("The copy is older than 30 days, so what became known since was not seen: update it (git pull).")
    return 1 if is_old else done.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))

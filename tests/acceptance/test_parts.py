"""Development with one command for each part: `.env` as its example says; `make prefect`, `setup`, `site`, `worker`."""

import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from downman_ops.launch import databases
from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.acceptance.demo import free_ports

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60


class Development:
    """A developer's terminals, with an environment file of their own."""

    def __init__(self, folder: Path, database: EmbeddedDatabase) -> None:
        """Fill in what the example marks as needed, and choose free ports."""
        self.site_port, self.prefect_port = free_ports(2)
        self.url = f"http://127.0.0.1:{self.site_port}"
        self.file = folder / ".env"
        self._folder = folder
        needed = {
            "DOWNMAN_HOME": str(folder / "home"),
            "DOWNMAN_SECRET_KEY": secrets.token_urlsafe(50),
            "DOWNMAN_DATABASE_URL": f"'{database.url('downman')}'",
            "DOWNMAN_PREFECT_DATABASE_URL": f"'{database.url('prefect')}'",
            "DOWNLOADS_SITE_URL": self.url,
            "PREFECT_API_AUTH_STRING": f"admin:{secrets.token_urlsafe(18)}",
        }
        text = (ROOT / ".env.example").read_text()
        assert set(re.findall(r"^(\w+)=$", text, re.MULTILINE)) == set(needed)
        for name, value in needed.items():
            text = text.replace(f"\n{name}=\n", f"\n{name}={value}\n")
        self.file.write_text(
            f"{text}\nDOWNMAN_SITE_BIND=127.0.0.1:{self.site_port}\nDOWNMAN_PREFECT_PORT={self.prefect_port}\n"
            f"PREFECT_API_URL=http://127.0.0.1:{self.prefect_port}/api\n"
        )
        self.file.chmod(0o600)
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DOWNMAN_", "DOWNLOADS_", "PREFECT_", "DJANGO_"))
        }

    def make(self, target: str) -> subprocess.CompletedProcess[str]:
        """Run one target to its end."""
        return subprocess.run(
            ["make", "--silent", target, f"ENV_FILE={self.file}"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @contextmanager
    def terminal(self, target: str) -> Iterator[Path]:
        """Run one target in the foreground of a terminal, until Ctrl-C; give what it says."""
        log = self._folder / f"{target}.log"
        with log.open("w") as said:
            process = subprocess.Popen(
                ["make", "--silent", target, f"ENV_FILE={self.file}"],
                cwd=ROOT,
                env=self.environment,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        try:
            yield log
        finally:
            below = psutil.Process(process.pid).children(recursive=True)
            os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=60)
            _gone, alive = psutil.wait_procs(below, timeout=10)
            assert alive == []


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def development(tmp_path: Path) -> Iterator[Development]:
    # Else several of them would do it at once.
    subprocess.run(["make", "--silent", ".venv/installed"], cwd=ROOT, check=True)
    database = EmbeddedDatabase(folder=tmp_path / "postgres")
    database.start()
    try:
        for name in ("downman", "prefect"):
            databases.ensure_database(database.url(name))
        yield Development(tmp_path, database)
    finally:
        database.stop()


def test_an_order_is_packaged_by_parts_that_were_started_one_by_one(development: Development, tmp_path: Path) -> None:
    offer = tmp_path / "offer.json"
    data = tmp_path / "data" / "a.txt"
    data.parent.mkdir()
    data.write_text("hello")
    with development.file.open("a") as file:
        file.write(f"DOWNLOADS_FILE_ROOTS={data.parent}\n")
    offer.write_text(f'[{{"id": "a", "title": "A", "source": "file", "url": "file://{data}"}}]')
    with ExitStack() as terminals:
        terminals.enter_context(development.terminal("prefect"))
        done = development.make("setup")
        assert done.returncode == 0, done.stderr
        terminals.enter_context(development.terminal("site"))
        worker = terminals.enter_context(development.terminal("worker"))
        until(lambda: "started!" in worker.read_text())
        manage = [str(ROOT / ".venv/bin/downman"), "--env-file", str(development.file)]
        subprocess.run(
            [*manage, "manage", "import_catalogue", str(offer)], cwd=ROOT, env=development.environment, check=True
        )
        with httpx.Client(base_url=development.url, trust_env=False, timeout=20) as site:
            order = {"email": "ana@example.org", "language": "en", "resources": [{"resource": "a"}]}
            placed = site.post("/downloads/api/requests/", json=order)
            assert placed.status_code == 201, placed.text
            address = f"/downloads/api/requests/{placed.json()['id']}/"
            until(lambda: site.get(address).json()["status"] == "ready")


def test_a_setting_that_cannot_be_meant_is_refused_by_every_part(development: Development) -> None:
    with development.file.open("a") as file:
        file.write("DOWNMAN_PACKAGE_CONCURENCY=9\n")
    for target in ("prefect", "setup", "site", "worker"):
        done = development.make(target)
        assert done.returncode != 0
        assert "DOWNMAN_PACKAGE_CONCURRENCY" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr

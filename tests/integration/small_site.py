"""A small site in a folder of its own, for what needs a process, a server or settings of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from downman_ops.launch import ports
from tests.integration.worker.workers import until

#: Settings of the site; `OWN` is what a test adds.
SETTINGS = """
import os
from pathlib import Path
from downman_site.base import *
from downman_site.base import database

HOME = Path(__file__).parents[1]
SECRET_KEY = "only for this test"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [name for name in INSTALLED_APPS if name != "downman_site"]
ROOT_URLCONF = "portal.urls"
DATABASES = {"default": database(os.environ["SITE_DATABASE_URL"])}
DOWNLOADS_SITE_URL = "http://127.0.0.1"
DOWNLOADS_PACKAGE_DIR = HOME / "packages"
DOWNLOADS_STAGING_DIR = HOME / "staging"
DOWNLOADS_TRIGGER = "downman.trigger.NoTrigger"
"""
FILES = {
    "portal/__init__.py": "",
    "portal/urls.py": """
from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("downloads/", include("downman.urls")), path("admin/", admin.site.urls)]
""",
    "portal/asgi.py": """
from django.core.asgi import get_asgi_application

application = get_asgi_application()
""",
}


@dataclass
class SmallSite:
    """A site in a folder, with its environment."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the site's folder."""
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def must_run(self, *command: str) -> str:
        """Run Python in the site's folder, and return what it says."""
        done = self.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def uvicorn(self) -> Iterator[tuple[str, psutil.Process]]:
        """Serve the site with an ASGI server; return its URL and its process."""
        port = ports.any_free()
        log = self.folder / "uvicorn.log"
        command = [sys.executable, "-m", "uvicorn", "portal.asgi:application", f"--port={port}", "--log-level=warning"]
        with log.open("w") as out:
            server = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=out, stderr=out)
        url = f"http://127.0.0.1:{port}"
        try:
            until(lambda: server.poll() is not None or _answers(f"{url}/downloads/health/live"))
            assert server.poll() is None, log.read_text()
            yield url, psutil.Process(server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=30)


def make_site(
    folder: Path, database_url: str, *, settings: str = "", files: Mapping[str, str] | None = None
) -> SmallSite:
    """Write the files of a site; nothing is run yet."""
    for name, text in {**FILES, "portal/settings.py": SETTINGS + settings, **(files or {})}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOWNMAN_", "PREFECT_"))}
    return SmallSite(
        folder,
        {
            **kept,
            "PYTHONPATH": str(folder),
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "SITE_DATABASE_URL": database_url,
        },
    )


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False

"""A Django site that a test makes with `startproject` and the how-to's own steps, and uses from outside."""

import io
import os
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from downman.prefect_api import PrefectApi
from downman_ops.launch import databases
from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.acceptance.demo import free_ports
from tests.acceptance.sites.howto import Block, Kind, read_blocks
from tests.acceptance.sites.programs import Program

WITHIN_SECONDS = 120
COMMAND_SECONDS = 180
LINES_SHOWN = 40
ENDED = {"ready", "ready_with_errors", "failed", "cancelled", "rejected", "expired"}
#: Nothing of these is inherited: a person who begins has none of them.
_OURS = ("DOWNMAN_", "DOWNLOADS_", "PREFECT_", "DJANGO_", "WARM_PROCESS_", "PYTHONPATH")


@dataclass(frozen=True, kw_only=True)
class PrefectAddress:
    """A Prefect server that runs already, and its login."""

    api_url: str
    login: str


class MadeSite:
    """One site in a folder: `with MadeSite(...) as site:` it was made, is running, and is stopped after.

    The page says what is done. Only what belongs to the test's machine is added: the databases, free ports, a mail
    server. `settings` are added after those of the page; `files` are written right after `startproject`; `urls` after
    the page's; `serve` is typed instead of `python manage.py runserver`, with `{port}` in it. With `prefect` that
    server is used, and the page's own is not started.
    """

    def __init__(
        self,
        folder: Path,
        postgres: EmbeddedDatabase,
        *,
        database: str = "portal",
        prefect: PrefectAddress | None = None,
        settings: str = "",
        urls: str = "",
        files: Mapping[str, str] | None = None,
        serve: str = "python manage.py runserver {port} --noreload",
        prefix: str = "",
    ) -> None:
        """Choose the ports; nothing is made yet. `prefix` stands before every path of the site."""
        self.folder = folder / "portal"
        self.mail = folder / "mail"
        self._log = folder / "log"
        self.postgres = postgres
        self.database = database
        self._given_prefect = prefect
        self._settings, self._urls, self._files, self._serve = settings, urls, dict(files or {}), serve
        self.port, self.prefect_port, self.mail_port = free_ports(3)
        self.url = f"http://127.0.0.1:{self.port}{prefix}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_OURS)},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            # Nothing is read from, or left in, the home of who runs the test.
            "HOME": str(folder),
            "NO_PROXY": "127.0.0.1",
            "PYTHONUNBUFFERED": "1",
        }
        self.programs: dict[str, Program] = {}
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        """Make it and start everything, step by step as the page says."""
        try:
            self.create()
            for block in read_blocks():
                self.do(block)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def create(self) -> None:
        """Make the site as it is before downman comes, its database, and a mail server."""
        for folder in (self.folder, self._log):
            folder.mkdir(parents=True)
        self.run("django-admin startproject portal .")
        self.write(self._files)
        databases.ensure_database(self.postgres.url(self.database))
        options = parse_qs(urlsplit(self.postgres.url(self.database)).query)
        self.add(
            "portal/settings.py",
            f"""
            DATABASES = {{"default": {{
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "{self.database}", "USER": "postgres", "HOST": "{options["host"][0]}",
            }}}}
            EMAIL_HOST = "127.0.0.1"
            EMAIL_PORT = {self.mail_port}
            """,
        )
        self.start("mail", f"python -m downman_ops.launch.mail_sink {self.mail_port} {self.mail}")

    def do(self, block: Block) -> None:
        """Do what the page says in one block."""
        if block.kind is Kind.WRITE:
            self.add(block.file, block.text)
            self._adapt(block.file)
        elif block.kind is Kind.KEEP_RUNNING:
            self._keep_running(block.text.strip())
        elif not block.text.startswith("pip install"):
            # The test's own environment has what would be installed (`test_howto` looks).
            self.run(block.text)

    def _adapt(self, file: str) -> None:
        """Add what belongs to this machine, and what the test has this site be."""
        if file.endswith("settings.py"):
            self.add(file, f'DOWNLOADS_SITE_URL = "http://127.0.0.1:{self.port}"\n')
            if self._given_prefect is None:
                self.add(file, f'DOWNLOADS_PREFECT_API_URL = "http://127.0.0.1:{self.prefect_port}/api"\n')
            else:
                self.add(file, f"DOWNLOADS_PREFECT_API_URL = {self._given_prefect.api_url!r}\n")
                self.add(file, f"DOWNLOADS_PREFECT_API_AUTH_STRING = {self._given_prefect.login!r}\n")
            self.add(file, self._settings)
        if file.endswith("urls.py"):
            self.add(file, self._urls)

    def _keep_running(self, command: str) -> None:
        if "service prefect" in command:
            if self._given_prefect is None:
                self.start("prefect", command)
                self.until(self._prefect_answers, "prefect")
        elif "runserver" in command:
            self.start("site", self._serve.format(port=self.port))
            self.until(self._site_answers, "site")
        else:
            self.start("worker", command)
            self.until(lambda: "started!" in self.programs["worker"].said(), "worker")

    def _site_answers(self) -> bool:
        try:
            return not self.http.get("/downloads/health/live").is_server_error
        except httpx.HTTPError:
            return False

    def _prefect_answers(self) -> bool:
        return self.prefect_api().is_up()

    # What a person does at the terminal

    def add(self, file: str, text: str) -> None:
        """Add lines to a file of the site."""
        with (self.folder / file).open("a") as opened:
            opened.write("\n" + textwrap.dedent(text))

    def write(self, files: Mapping[str, str]) -> None:
        """Write files of the site, by their paths."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    def typed(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Type a command in the site's folder."""
        return subprocess.run(
            ["/bin/sh", "-e", "-c", command],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def run(self, command: str, **environment: str) -> str:
        """Type a command that must succeed, and return what it says."""
        done = self.typed(command, **environment)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def shell(self, code: str) -> str:
        """Run Python inside the site."""
        return self.run(f"python manage.py shell --no-imports -c '{code}'").strip()

    def start(self, name: str, command: str, **environment: str) -> Program:
        """Type a command in a terminal of its own."""
        program = Program(
            command,
            folder=self.folder,
            environment={**self.environment, **environment},
            log=self._log / f"{name}.log",
        )
        self.programs[name] = program
        return program

    def stop(self) -> None:
        """Stop everything that runs: the worker before the server, the mail server last."""
        for name in ("worker", "site", "prefect", *self.programs):
            if program := self.programs.pop(name, None):
                program.stop()
        self.http.close()

    def until(self, what: Callable[[], Any], program: str = "worker", *, seconds: float = WITHIN_SECONDS) -> Any:
        """Ask again until the answer is true, and return it; fail with what a program has said."""
        deadline = time.monotonic() + seconds
        while not (answer := what()):
            running = self.programs.get(program)
            said = "\n".join(running.said().splitlines()[-LINES_SHOWN:]) if running else ""
            assert running is None or running.runs, said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        return answer

    # What others see of it

    @cached_property
    def prefect(self) -> PrefectAddress:
        """The Prefect server that it uses."""
        if self._given_prefect is not None:
            return self._given_prefect
        code = (
            "from downman.settings import app_settings as read; "
            "print(read().prefect_api_url, read().prefect_api_auth_string.get_secret_value())"
        )
        api_url, login = self.shell(code).split()
        return PrefectAddress(api_url=api_url, login=login)

    def prefect_api(self) -> PrefectApi:
        """Return the API of that server."""
        prefect = self.prefect
        return PrefectApi(api_url=prefect.api_url, auth_string=prefect.login, timeout_seconds=30)

    def order(self, *resources: str, **fields: Any) -> str:
        """Order resources as a program does, and return the order's id."""
        body = {
            "email": "ana@example.org",
            "language": "en",
            "resources": [{"resource": name} for name in resources or ("numbers",)],
            **fields,
        }
        answer = self.http.post("/downloads/api/requests/", json=body)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        placed: str = answer.json()["id"]
        return placed

    def look(self, order: str) -> dict[str, Any]:
        """Return the status of an order."""
        answer: dict[str, Any] = self.http.get(f"/downloads/api/requests/{order}/").raise_for_status().json()
        return answer

    def wait_for_package(self, order: str) -> list[str]:
        """Wait until an order is ready, download its package, and return the names in it."""
        self.until(lambda: self.look(order)["status"] in ENDED)
        ended = self.look(order)
        assert ended["status"] == "ready", ended
        (link,) = ended["links"]
        answer = self.http.get(link["url"]).raise_for_status()
        with zipfile.ZipFile(io.BytesIO(answer.content)) as package:
            assert package.testzip() is None
            return package.namelist()

    def wait_for_mail(self, text: str) -> str:
        """Wait until there is an e-mail with a text in it, and return it."""
        found: str = self.until(lambda: next((mail for mail in self.mails() if text in mail), None))
        return found

    def mails(self) -> list[str]:
        """Return the e-mails that the mail server has got."""
        return [file.read_text(errors="replace") for file in sorted(self.mail.glob("*.eml"))]

"""The commands on the page for administrators of the replaced system work as they are typed."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed, Failed, Pending, Running
from pytest_django.plugin import DjangoDbBlocker

from downman.domain.jobs import DEFAULT_POOL, Job
from downman_ops.commands import ExitStatus
from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.console_script import DOWNMAN
from tests.integration.prefect_server import PrefectServer
from tests.integration.test_bootstrap import run_bootstrap

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "from-celery.md"
COMMAND = re.compile(r"`((?:prefect|downman) [^`]+)`|^\$ (downman [^;\n]+)", re.MULTILINE)
#: The server of these tests was started by it, with a port besides.
OF_THE_FIXTURE = "prefect server start"
#: They run until somebody stops them.
UNTIL_STOPPED = "prefect worker start"
#: Not commands, but what `downman` may be followed by.
PLACES = ("downman COMMAND", "prefect ...", "downman prefect ...")
#: The pool is there already; this one shows how it would be made.
NEW_POOL = "prefect work-pool create"
#: Which command lists runs in which states.
LISTED: dict[str, Sequence[State[Any]]] = {
    "prefect flow-run ls --state Running": [Running()],
    "prefect flow-run ls --state-type PENDING": [Pending()],
    "prefect flow-run ls --state-type CANCELLED --state-type CRASHED --state-type FAILED": [
        Cancelled(), Crashed(), Failed(),
    ],
}  # fmt: skip


def commands() -> list[str]:
    found = {first or second for first, second in COMMAND.findall(PAGE.read_text())}
    return sorted(command for command in found if command not in PLACES)


def to_words(command: str) -> list[str]:
    """Return what is typed after `downman`: Prefect's own commands so, as the page says, with our server and login."""
    program, *words = shlex.split(command)
    return ["prefect", *words] if program == "prefect" else words


#: Signs that nobody writes, between what commands say.
STATUS, END = "\x1e", "\x1f\n"
#: Runs the console script's function for each command; to start Prefect anew for each would take three seconds.
ONE_AFTER_ANOTHER = f"""
import json, sys
from downman_ops.cli.main import main
for words in json.load(sys.stdin):
    try:
        status = main(words)
    except SystemExit as exc:
        status = exc.code
    print({STATUS!r} + json.dumps(status), end={END!r}, flush=True)
"""


class Terminal:
    """A terminal of an installation that has nothing but the server and a database."""

    def __init__(self, folder: Path, server: PrefectServer, database: str) -> None:
        ours = ("DOWNMAN_", "DOWNLOADS_", "PREFECT_")
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
            "DJANGO_SETTINGS_MODULE": "downman_site.settings",
            "DOWNMAN_HOME": str(folder),
            "DOWNMAN_DATABASE_URL": database,
            "PREFECT_API_URL": server.url,
            "PREFECT_API_AUTH_STRING": server.environment["PREFECT_API_AUTH_STRING"],
            "COLUMNS": "250",
        }

    def start(self, *program: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            program, cwd=self.folder, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def type(self, *commands: str) -> list[tuple[int | None, str]]:
        """Return the exit status of each command, and what it said."""
        process = self.start(sys.executable, "-c", ONE_AFTER_ANOTHER)
        said, _ = process.communicate(json.dumps([to_words(command) for command in commands]), timeout=200)
        *ends, rest = said.split(END)
        assert (len(ends), rest) == (len(commands), ""), said
        return [(json.loads(status), text) for text, _, status in (end.rpartition(STATUS) for end in ends)]


@pytest.fixture(scope="module")
def client(prefect_server: PrefectServer) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as made:
        yield made


@pytest.fixture(scope="module")
def terminal(
    prefect_server: PrefectServer,
    postgres: EmbeddedDatabase,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Terminal:
    run_bootstrap()
    with django_db_blocker.unblock():
        database = postgres.url(str(connection.settings_dict["NAME"]))
    return Terminal(tmp_path_factory.mktemp("terminal"), prefect_server, database)


@pytest.fixture(scope="module")
def runs(terminal: Terminal, client: SyncPrefectClient) -> Iterator[dict[str, list[str]]]:
    """Return a run in each of the states that a command lists."""
    job = Job.SEND_NOTICES
    deployment = client.read_deployment_by_name(f"{job}/{job}").id
    made: dict[str, list[str]] = {}
    for command, states in LISTED.items():
        for state in states:
            run = client.create_flow_run_from_deployment(deployment)
            client.set_flow_run_state(run.id, state, force=True)
            made.setdefault(command, []).append(str(run.id))
    yield made
    for run_id in (run_id for ids in made.values() for run_id in ids):
        client.delete_flow_run(run_id)  # type: ignore[arg-type]


def test_commands_are_understood_and_list_what_the_page_says(terminal: Terminal, runs: dict[str, list[str]]) -> None:
    typed = [command for command in commands() if not command.startswith((OF_THE_FIXTURE, UNTIL_STOPPED, NEW_POOL))]
    assert len(typed) > 20
    assert set(LISTED) <= set(typed)
    ended = dict(zip(typed, terminal.type(*typed), strict=True))
    for command, (status, said) in ended.items():
        assert "Traceback" not in said, command
        if command.startswith("prefect"):
            assert not status, (command, said)
        else:
            assert status != ExitStatus.USAGE, (command, said)
            assert status == 0 or said.startswith(("There is no order", "Nothing was done")) or "doctor" in command
    for command, ids in runs.items():
        assert all(run_id in ended[command][1] for run_id in ids), ended[command][1]


def test_a_worker_starts_as_the_page_says(terminal: Terminal) -> None:
    (command,) = (command for command in commands() if command.startswith(UNTIL_STOPPED))
    process = terminal.start(DOWNMAN, *to_words(command))
    assert process.stdout is not None
    said = ""
    while "started!" not in said:
        said += (line := process.stdout.readline())
        assert line, said
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


def test_the_pool_is_made_as_the_page_says(terminal: Terminal, client: SyncPrefectClient) -> None:
    (command,) = (command for command in commands() if command.startswith(NEW_POOL))
    client.delete_work_pool(DEFAULT_POOL)
    with pytest.raises(ObjectNotFound):
        client.read_work_pool(DEFAULT_POOL)
    ((status, said),) = terminal.type(command)
    assert not status, said
    assert client.read_work_pool(DEFAULT_POOL).type == "warm-process"
    run_bootstrap()

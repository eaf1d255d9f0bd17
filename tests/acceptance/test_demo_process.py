"""The demo as a process: it starts, says so, stops, comes back, and says clearly why when it cannot."""

import json
import os
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.acceptance.demo import DemoProcess
from tests.console_script import DOWNMAN

GONE_SECONDS = 20


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo-process") / "home"


@pytest.fixture
def demo(home: Path) -> Iterator[DemoProcess]:
    with DemoProcess(home) as running:
        yield running


def until(condition: Callable[[], bool], seconds: float = GONE_SECONDS) -> bool:
    """Ask again and again; give whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def refusal(home: Path, **environment: str) -> list[str]:
    """Return what a demo says that does not start."""
    refused = DemoProcess(home, **environment).start()
    assert refused.wait() == 1, refused.lines
    return refused.lines


def test_starts_in_a_minute_stops_without_a_trace_and_finds_everything_again(home: Path) -> None:
    demo = DemoProcess(home)
    began = time.monotonic()
    with demo:
        assert time.monotonic() - began < 60
        assert demo.lines[-1] == f"READY {demo.url}/"
        # Only PostgreSQL's user may pass through it, where root has started the demo.
        assert stat.S_IMODE(home.stat().st_mode) in ({0o710} if os.geteuid() == 0 else {0o700})
        within = [path for path in home.iterdir() if path.is_dir()] + list((home / "log").iterdir())
        assert [path.name for path in within if path.stat().st_mode & 0o077] == []
        assert stat.S_IMODE((home / "secrets" / "prefect-api-auth").stat().st_mode) == 0o600
        first = {item["name"]: item["id"] for item in demo.ask_prefect("POST", "/deployments/filter", {})}
        auth = demo.prefect_auth
        assert demo.processes()
        began = time.monotonic()
        assert demo.stop() == 0
        assert time.monotonic() - began < 12
    assert demo.processes() == []
    assert not any("Traceback" in line for line in demo.lines)

    done = demo.downman("active")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"The demo in {home} is not running. Start it with `make demo`")
    assert f"demo wrong the one in {home} is not running" in " ".join(demo.downman("doctor").stdout.split())

    with demo:
        again = {item["name"]: item["id"] for item in demo.ask_prefect("POST", "/deployments/filter", {})}
        assert again == first
        assert demo.prefect_auth == auth
    assert demo.processes() == []


def test_prefect_wants_the_login_of_this_home(demo: DemoProcess) -> None:
    with socket.create_connection(("127.0.0.1", demo.prefect_port), timeout=10) as plain:
        plain.sendall(b"GET /api/admin/version HTTP/1.0\r\n\r\n")
        assert b" 401 " in plain.recv(1000).split(b"\r\n")[0]
    assert isinstance(demo.ask_prefect("GET", "/admin/version"), str)


def test_commands_in_another_terminal_find_the_running_demo(demo: DemoProcess) -> None:
    done = demo.downman("manage", "migrate", "--check")

    assert done.returncode == 0, done.stderr


def test_the_console_script_acts_on_the_demo_whose_home_is_named(demo: DemoProcess, tmp_path: Path) -> None:
    # Somebody's own Prefect and mail server are not meant.
    others = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "DOWNMAN_MAIL_PORT": "9"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DOWNMAN_", "PREFECT_"))}

    def typed(*words: str) -> str:
        done = subprocess.run(
            [DOWNMAN, *words], cwd=tmp_path, env={**inherited, **others, "DOWNMAN_HOME": str(demo.home)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert json.loads(typed("stats", "--json"))["workers"][0]["worker"] == "demo"
    assert "orders" in json.loads(typed("orders", "--json"))
    assert "0 wrong" in typed("doctor")
    assert "Prefect holds what the settings say." in typed("bootstrap", "--show")
    assert json.loads(typed("prefect", "work-pool", "inspect", "downman", "--output", "json"))["name"] == "downman"


def test_a_second_demo_on_the_same_home_is_refused_and_the_first_goes_on(demo: DemoProcess) -> None:
    said = refusal(demo.home)

    assert len(said) == 1
    assert "Another demo" in said[0]
    assert demo.process is not None
    assert demo.process.poll() is None


def test_a_process_that_dies_takes_the_demo_down_and_is_named(home: Path) -> None:
    demo = DemoProcess(home).start().wait_until_ready()
    site = next(process for process in psutil.process_iter() if _is_site_of(process, demo))
    site.kill()

    assert demo.wait() == 1
    assert demo.lines[-1].startswith("downman: The site ended unexpectedly")
    assert demo.processes() == []


def test_nothing_lives_on_when_the_launcher_is_killed(home: Path) -> None:
    demo = DemoProcess(home).start().wait_until_ready()
    demo.kill()

    assert until(lambda: demo.processes() == []), demo.processes()


def test_a_start_cleans_up_what_even_the_guard_could_not(home: Path) -> None:
    demo = DemoProcess(home).start().wait_until_ready()
    guard = next(process for process in psutil.process_iter(["cmdline"]) if _is_guard_of(process, demo))
    guard.kill()
    demo.kill()
    assert demo.processes()

    with demo:
        assert any("an earlier demo had left behind" in line for line in demo.lines)
    assert demo.processes() == []


@pytest.mark.parametrize("variable", ["DOWNMAN_PORT", "DOWNMAN_PREFECT_PORT", "DOWNMAN_SMTP_PORT"])
def test_a_taken_port_is_one_sentence(tmp_path: Path, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        said = refusal(tmp_path / "home", **{variable: port})

    assert len(said) == 1
    assert f"Port {port} is taken" in said[0]
    assert variable in said[0]


def test_a_port_that_is_no_number_is_one_sentence(tmp_path: Path) -> None:
    said = refusal(tmp_path / "home", DOWNMAN_PORT="eight thousand")

    assert len(said) == 1
    assert "DOWNMAN_PORT" in said[0]


def test_one_port_for_two_servers_is_one_sentence(tmp_path: Path) -> None:
    said = refusal(tmp_path / "home", DOWNMAN_PORT="8765", DOWNMAN_PREFECT_PORT="8765")

    assert len(said) == 1
    assert "must be different" in said[0]


def test_a_home_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")
    said = refusal(tmp_path / "home")

    assert len(said) == 1
    assert "set DOWNMAN_HOME" in said[0]


def test_a_home_that_may_not_be_written_is_one_sentence() -> None:
    # A place in which not even root may make a folder.
    said = refusal(Path("/sys/downman"))

    assert len(said) == 1
    assert "set DOWNMAN_HOME" in said[0]


def test_a_database_out_of_reach_is_one_sentence(tmp_path: Path) -> None:
    said = refusal(tmp_path / "home", DOWNMAN_DATABASE_URL="postgresql://nobody:secret@127.0.0.1:1/downman")

    assert len(said) == 1
    assert "cannot be reached" in said[0]
    assert "secret" not in said[0]


def test_ctrl_c_while_it_comes_up_stops_everything(tmp_path: Path) -> None:
    demo = DemoProcess(tmp_path / "home").start()
    assert until(lambda: len(demo.processes()) > 2)

    assert demo.stop() == 0
    assert demo.processes() == []
    assert demo.lines[-1] == "Stopped."


def _is_site_of(process: psutil.Process, demo: DemoProcess) -> bool:
    try:
        return "gunicorn" in process.cmdline() and process.environ().get("DOWNMAN_HOME") == str(demo.home)
    except psutil.Error:
        return False


def _is_guard_of(process: psutil.Process, demo: DemoProcess) -> bool:
    command = process.info["cmdline"] or []
    return "downman_ops.launch.watchdog" in command and str(demo.home) in command

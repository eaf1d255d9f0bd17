"""`downman service site`: a site that other machines reach without a proxy is said, and its files are closed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from downman.settings import AppSettings
from downman_ops.doctor.site import check_exposure
from downman_ops.launch import databases, ports
from downman_ops.launch.embedded_database import EmbeddedDatabase
from downman_ops.launch.exposure import find_exposure
from downman_ops.settings import PoolSettings
from tests.console_script import DOWNMAN
from tests.integration.small_site import SmallSite, make_site
from tests.integration.worker.workers import until


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedDatabase) -> SmallSite:
    databases.ensure_database(postgres.url("served"))
    return make_site(tmp_path_factory.mktemp("served"), postgres.url("served"))


@contextmanager
def served(site: SmallSite, host: str, **environment: str) -> Iterator[tuple[int, int, Path]]:
    """Start the site; return its port, its process and the file with what it says."""
    port, log = ports.any_free(), site.folder / "service.log"
    environment = {**site.environment, "DOWNMAN_SITE_BIND": f"{host}:{port}", **environment}
    with log.open("w") as out:
        server = subprocess.Popen(
            [DOWNMAN, "service", "site"], cwd=site.folder, env=environment, stdout=out, stderr=out, umask=0
        )
    try:
        until(lambda: server.poll() is not None or _answers(port))
        assert server.poll() is None, log.read_text()
        yield port, server.pid, log
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/downloads/health/live", trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_a_site_for_other_machines_without_a_proxy_says_so_and_closes_its_files(site: SmallSite) -> None:
    with served(site, "0.0.0.0") as (port, process, log):  # noqa: S104 - it is what is tried
        assert f"DOWNMAN_SITE_BIND=0.0.0.0:{port}: other machines can reach the site without a proxy" in log.read_text()
        found = re.search(r"^Umask:\s+(\d+)$", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
        assert found
        assert found[1] == "0027"


def test_a_site_for_this_machine_says_nothing(site: SmallSite) -> None:
    with served(site, "127.0.0.1") as (_port, _process, log):
        said = log.read_text()
    assert "without a proxy" not in said
    # Django's hints for public sites are one line.
    (line,) = [line for line in said.splitlines() if "security.W" in line]
    assert line.startswith("downman: fit for trying out, not for the public (security.W")
    assert line.endswith("python manage.py check --deploy explains them.")


def test_the_setup_says_what_it_waits_for(site: SmallSite) -> None:
    nowhere = f"http://127.0.0.1:{ports.any_free()}/api"
    done = subprocess.run(
        [sys.executable, "-m", "downman_ops", "bootstrap", "--wait-seconds=3"],
        cwd=site.folder,
        env={**site.environment, "PREFECT_API_URL": nowhere, "PREFECT_API_AUTH_STRING": "admin:x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.splitlines() == [f"Waiting for Prefect's server at {nowhere}, up to 3 s ..."]
    assert f"Prefect at {nowhere} did not answer for 3 s" in done.stderr


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"mail_user": "me"}, ["EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD"]),
        ({"mail_type": "STARTTLS", "mail_port": 465}, ["EMAIL_USE_TLS", "EMAIL_PORT"]),
        (
            {"mail_user": "me", "mail_password": "x", "mail_host": "mail.example.org"},
            ["EMAIL_USE_TLS", "EMAIL_USE_SSL"],
        ),
    ],
)
def test_a_mail_server_of_djangos_settings_is_corrected_by_the_names_that_are_there(
    given: dict[str, Any], names: list[str]
) -> None:
    with pytest.raises(ValidationError) as refused:
        PoolSettings(**given)
    assert [name for name in names if name not in str(refused.value)] == []


@pytest.mark.parametrize("bind", ["0.0.0.0:8000", "[::]:8000", ":8000", "192.0.2.1:80", "portal.example.org:8000"])
def test_every_way_to_listen_for_others_is_found(bind: str, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    assert "nginx" in find_exposure(bind, AppSettings.model_construct(trusted_proxies=()))
    proxy = AppSettings.model_validate({"trusted_proxies": ["192.0.2.9/32"]}).trusted_proxies
    assert find_exposure(bind, AppSettings.model_construct(trusted_proxies=proxy)) == ""
    monkeypatch.setitem(os.environ, "DOWNMAN_SITE_BIND", bind)
    (finding,) = check_exposure()
    assert "without a proxy" in finding.found
    assert finding.hint.startswith("Let it listen at 127.0.0.1")


@pytest.mark.parametrize("bind", ["127.0.0.1:8000", "127.3.2.1:80", "[::1]:8000", "localhost:8000", "unix:/run/site"])
def test_what_only_this_machine_reaches_is_no_finding(bind: str) -> None:
    assert find_exposure(bind, AppSettings.model_construct(trusted_proxies=())) == ""

"""The how-to for production, typed as it stands by a newcomer."""

import json
import re
import shlex

import pytest

from tests.acceptance.machine.machine import Machine
from tests.acceptance.machine.page import Block, typed

PAGE = "how-to/run-in-production.md"


@pytest.fixture(scope="module")
def said(machine: Machine) -> dict[str, str]:
    """Type all of it, and give what was said, by heading."""
    found: dict[str, str] = {}
    for block in typed(PAGE):
        found[block.heading] = found.get(block.heading, "") + machine.type(block.commands)
        if block.heading == "downman itself":
            machine.install_python_packages("/opt/downman")
        if block.heading == "The services":
            machine.serve_mail()
        if block.heading == "Start":
            # A service is active before its worker has asked for runs; nobody reads on as quickly as a program.
            machine.type(
                "for try in $(seq 60); do downman doctor > /tmp/doctor || true\n"
                "grep --quiet 'package-1@portal (.*package-2@portal (' /tmp/doctor && break; done"
            )
    return found


def test_the_page_has_the_steps_that_are_looked_at_here() -> None:
    headings = [block.heading for block in typed(PAGE)]
    for heading in ("The services", "Start", "nginx", "Check", "The first order"):
        assert heading in headings
    assert all(isinstance(block, Block) and block.commands.strip() for block in typed(PAGE))


def test_everything_runs_after_the_start(said: dict[str, str]) -> None:
    assert said["Start"].split() == ["active"] * 6


def test_the_doctor_finds_nothing_wrong_and_all_sizes_are_in_force(said: dict[str, str]) -> None:
    assert "0 wrong" in said["Check"], said["Check"]
    assert re.search(r"package-1@portal \(last heartbeat .* ago\), package-2@portal \(", said["Check"])
    assert "Prefect holds what the settings say." in said["Check"]


def test_nginx_delivers_the_package_in_two_pieces_and_the_site_only_names_it(said: dict[str, str]) -> None:
    assert "HTTP/2 206" in said["The first order"]
    assert "package.zip: OK" in said["The first order"]
    assert "X-Accel-Redirect: /protected-packages/" in said["The first order"]


def test_the_package_lies_in_no_public_place(said: dict[str, str], machine: Machine) -> None:
    inside = "curl --silent --output /dev/null --write-out '%{http_code}' --cacert /etc/ssl/certs/downman.pem"
    place = machine.type("cd /var/lib/downman/packages; find . -name '*.zip'").strip().removeprefix("./")
    assert machine.type(f"{inside} https://portal.example.org/protected-packages/{place}") == "404"
    assert machine.type(f"stat --format='%U:%G %a' /var/lib/downman/packages/{place}").strip() == "downman:downman 440"


def test_two_workers_of_the_queue_package_run_with_the_names_that_are_seen(
    said: dict[str, str], machine: Machine
) -> None:
    for number in (1, 2):
        line = machine.type(f"ps -o args= $(systemctl show --value --property MainPID downman-package@{number})")
        assert f"--work-queue=package --name=package-{number}@portal" in line


def test_the_services_pages_need_https_and_know_their_name(said: dict[str, str], machine: Machine) -> None:
    written = "--output /dev/null --write-out '%{http_code} %{redirect_url}'"
    ask = f"curl --silent {written} --cacert /etc/ssl/certs/downman.pem"
    assert machine.type(f"{ask} http://portal.example.org/x") == "301 https://portal.example.org/x"
    assert machine.type(f"{ask} https://portal.example.org/").split()[0] == "200"
    assert machine.type(f"{ask} --header 'Host: evil.example.com' https://portal.example.org/").split()[0] == "400"


def test_no_secret_is_seen_in_the_list_of_processes_or_in_the_log(said: dict[str, str], machine: Machine) -> None:
    secrets = machine.type("cat /etc/downman/secrets/*").split()
    password = machine.type("echo $password").strip()
    seen = machine.type("ps -e -o args=; journalctl --no-pager --output=cat; cat /var/log/nginx/*")
    assert len(secrets) == 4
    for secret in (*secrets, password, secrets[1].partition(":")[2] or password):
        assert secret not in seen


def test_prefects_own_commands_are_at_hand(said: dict[str, str], machine: Machine) -> None:
    # 401 without the login, and a pool of another name from nowhere.
    listed = json.loads(machine.type("downman prefect work-pool inspect downman --output json"))
    assert listed["type"] == "warm-process"


def test_nginx_may_read_packages_and_no_secret(said: dict[str, str], machine: Machine) -> None:
    readable = "runuser -u www-data -- find /etc/downman /var/lib/downman -type f -readable 2>/dev/null || true"
    found = machine.type(readable).split()
    assert any(name.endswith(".zip") for name in found)
    assert not [name for name in found if name.startswith("/etc/downman")]


def test_a_changed_limit_is_in_force_without_a_restart(said: dict[str, str], machine: Machine) -> None:
    pid = "systemctl show --value --property MainPID downman-package@1"
    before = machine.type(pid)
    machine.type("sed -i 's|^DOWNMAN_PACKAGE_CONCURRENCY=.*|DOWNMAN_PACKAGE_CONCURRENCY=3|' /etc/downman/downman.env")
    shown = machine.type("downman bootstrap --show || true")
    assert "1 differs (*)" in shown
    machine.type("systemctl reload downman-setup")
    assert "Prefect holds what the settings say" in machine.type("downman bootstrap --show")
    assert machine.type(pid) == before


def test_another_number_of_workers_is_installed(said: dict[str, str], machine: Machine) -> None:
    machine.type("sed -i 's|^DOWNMAN_PACKAGE_WORKERS=.*|DOWNMAN_PACKAGE_WORKERS=1|' /etc/downman/downman.env")
    machine.type("cd /opt/downman; make install INSTALL_ARGS=--yes")
    assert machine.type("systemctl is-active downman-package@1 downman-package@2 || true").split() == [
        "active",
        "inactive",
    ]
    machine.type("sed -i 's|^DOWNMAN_PACKAGE_WORKERS=.*|DOWNMAN_PACKAGE_WORKERS=3|' /etc/downman/downman.env")
    machine.type("make install INSTALL_ARGS=--yes; systemctl start downman.target")
    assert machine.type("systemctl is-active downman-package@3").strip() == "active"
    assert "nothing to do" in machine.type("make install INSTALL_ARGS=--yes")
    machine.type("make uninstall INSTALL_ARGS=--yes")
    assert machine.type("systemctl list-units --no-legend 'downman*'").split() == []
    assert machine.type("ls /etc/systemd/system/ | grep downman || true") == ""
    assert "secret-key" in machine.type("ls /etc/downman/secrets")


def install_from(folder: str) -> str:
    """Return the command that installs the services of the checkout in a folder."""
    roots = ":".join(f"{folder}/{root}" for root in ("django_integration", "flows", "deployments"))
    python = shlex.quote(f"{folder}/.venv/bin/python")
    return f"PYTHONPATH={shlex.quote(roots)} {python} -m downman_ops install --yes 2>&1"


def test_a_checkout_that_the_service_user_cannot_enter_is_refused(said: dict[str, str], machine: Machine) -> None:
    machine.type("mkdir -p /root/downman /srv/closed/downman; chmod 700 /srv/closed")
    refusals = {"/root/downman": "they see nothing of /root.", "/srv/closed/downman": "or run /srv/closed,"}
    for folder, refusal in refusals.items():
        machine.type(f"mount --rbind /opt/downman {folder}")
        answer = machine.type(f"{install_from(folder)} || true")
        assert answer.startswith("downman: ")
        assert answer.count("\n") == 1
        assert refusal in answer
        assert folder in answer
        assert machine.type("ls /etc/systemd/system/ | grep downman || true") == ""


def test_the_services_run_from_a_folder_with_an_odd_name(said: dict[str, str], machine: Machine) -> None:
    folder = """/srv/an odd "folder" of 100%n, it's $HOME"""
    machine.type(f"mkdir {shlex.quote(folder)}; mount --rbind /opt/downman {shlex.quote(folder)}")
    assert "Done." in machine.type(install_from(folder))
    assert machine.type("systemd-analyze verify /etc/systemd/system/downman*.service 2>&1") == ""
    place = machine.type("systemctl show --value --property WorkingDirectory downman-prefect")
    assert place.rstrip("\n") == folder
    machine.type("systemctl start downman-prefect")
    assert machine.type("systemctl is-active downman-prefect").strip() == "active"
    number = machine.type("systemctl show --value --property MainPID downman-prefect").strip()
    assert machine.type(f"readlink /proc/{number}/cwd").rstrip("\n") == folder
    assert "Available" in machine.type("downman manage help 2>&1")
    machine.type("make -C /opt/downman uninstall INSTALL_ARGS=--yes")

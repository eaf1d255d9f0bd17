"""Each service, stopped by its own signal while a package is under way: nothing is lost."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.machine.machine import Machine
from tests.acceptance.machine.page import typed

PAGE = "how-to/run-in-production.md"
STEPS = ("What the machine needs", "downman itself", "The services", "The databases", "Configure", "Start")
PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def installed(machine: Machine) -> Machine:
    """Install it as the how-to says, with a source that stops half-way and a short grace for workers."""
    for block in typed(PAGE):
        if block.heading == "Start":
            machine.serve_mail()
            machine.type(
                "echo DOWNLOADS_PRIVATE_ADDRESSES=127.0.0.1/32 >> /etc/downman/downman.env\n"
                "sed -i 's|^WARM_PROCESS_STOP_GRACE.*|WARM_PROCESS_STOP_GRACE_SECONDS=1|' /etc/downman/downman.env\n"
                "mkdir -p /srv/gate\n"
                "systemd-run --quiet --unit=source /usr/bin/python3"
                " /opt/downman/tests/acceptance/machine/gated_source.py 9000 /srv/gate"
            )
        if block.heading in STEPS:
            machine.type(block.commands)
        if block.heading == "downman itself":
            machine.install_python_packages("/opt/downman")
    return machine


def until(machine: Machine, what: str | Callable[[], bool]) -> None:
    """Wait until a command succeeds, or something is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (machine.type(f"if {what}; then echo yes; fi") == "yes\n" if isinstance(what, str) else what()):
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS} s\n{machine.journal()}"
        time.sleep(0.1)


def order(machine: Machine, name: str) -> str:
    """Offer a resource that stops half-way, order it, and give the order's number."""
    offer = [
        {"id": name, "title": name, "source": "http", "url": f"http://127.0.0.1:9000/{name}", "licence": "CC0-1.0"}
    ]
    asked = {"email": "ana@example.org", "language": "en", "resources": [{"resource": name}]}
    machine.type(
        f"cat > /tmp/offer.json <<'END'\n{json.dumps(offer)}\nEND\ndownman manage import_catalogue /tmp/offer.json"
    )
    machine.type(
        f"cat > /tmp/order.json <<'END'\n{json.dumps(asked)}\nEND\n"
        "curl --silent --fail --header 'Host: portal.example.org' --header 'X-Forwarded-Proto: https' "
        "--header 'Content-Type: application/json' --data @/tmp/order.json "
        "http://127.0.0.1:8000/downloads/api/requests/"
    )
    newest: Any = json.loads(machine.type("downman orders --limit 1 --json"))
    return str(newest["orders"][0]["order"])


def is_delivered(machine: Machine, number: str) -> bool:
    """Return whether an order is ready and its mails are sent."""
    known = json.loads(machine.type(f"downman show {number} --json"))
    mails = [mail["status"] for mail in known["mails"]]
    return [known["order"][0]["status"], *mails] == ["ready", "sent", "sent"]


@pytest.mark.parametrize(
    "units",
    [
        ("downman-package@1", "downman-package@2"),
        # One order is enough for them: none of them has it in its hands.
        ("downman-worker", "downman-site", "downman-prefect"),
    ],
    ids=["workers of package", "all others"],
)
def test_services_whose_processes_are_stopped_come_back_and_nothing_is_lost(
    installed: Machine, units: tuple[str, ...]
) -> None:
    name = units[0].removeprefix("downman-").replace("@", "-")
    number = order(installed, name)
    until(installed, f"test -e /srv/gate/{name}.asked")
    for unit in units:
        pid = installed.type(f"systemctl show --value --property MainPID {unit}").strip()
        number_of_signal = installed.type(f"systemctl show --value --property KillSignal {unit}").strip()
        assert number_of_signal == "15"
        installed.type(f"kill -{number_of_signal} {pid}")
    for unit in units:
        until(
            installed,
            f"[ $(systemctl is-active {unit}) = active ] && "
            f"[ $(systemctl show --value --property NRestarts {unit}) = 1 ]",
        )
    installed.type(f"touch /srv/gate/{name}.go")
    until(installed, lambda: is_delivered(installed, number))
    packages = installed.type(f"find /var/lib/downman/packages/{int(number):010d} -type f").split()
    assert len(packages) == 1


def test_stopping_all_of_it_hands_work_back_and_starting_goes_on(installed: Machine) -> None:
    number = order(installed, "all")
    until(installed, "test -e /srv/gate/all.asked")
    began = time.monotonic()
    installed.type("systemctl stop downman.target")
    until(installed, "! pgrep --uid downman")
    assert time.monotonic() - began < 20
    log = installed.type("journalctl --no-pager --output=cat --unit='downman-package@*'")
    assert "Released flow run" in log
    installed.type("touch /srv/gate/all.go; systemctl start downman.target")
    until(installed, lambda: is_delivered(installed, number))

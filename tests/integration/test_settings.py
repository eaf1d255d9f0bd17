"""Invalid settings are rejected with what to do about it; the environment may set each of them."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.staticfiles import storage
from django.test import override_settings

from downman.checks import check_deployment, check_settings
from downman.checks.findings import FINDINGS
from downman.environment import InvalidSettings
from downman.settings import LEAST_LEASE_SECONDS, app_settings, settings_from_environment
from downman_flows.runs.fetching import HEARTBEAT_SECONDS

SECRET = "nobody-may-read-this"
NGINX = "django_sendfile.backends.nginx"
REJECTED: list[tuple[str, dict[str, object]]] = [
    ("E001", {"DOWNLOADS_TYPO": 1}),
    ("E002", {"DOWNLOADS_BEHAVIOUR": "SOME"}),
    ("E003", {"DOWNLOADS_PRIVATE_ADDRESSES": ["192.0.2.0/99"]}),
    ("E004", {"DOWNLOADS_FILE_ROOTS": ["data"]}),
    ("E004", {"DOWNLOADS_PACKAGE_DIR": "packages"}),
    ("E004", {"DOWNLOADS_STAGING_DIR": Path("staging")}),
    ("E005", {"DOWNLOADS_TRIGGER": "no.such.Trigger"}),
    ("E006", {"DOWNLOADS_CART_LIMIT": 0}),
    ("E006", {"DOWNLOADS_STORAGE_BUDGET_BYTES": -1}),
    # 0 contradicts the longest validity and the warning as well, but is wrong by itself.
    ("E006", {"DOWNLOADS_VALIDITY_DAYS": 0}),
    ("E006", {"DOWNLOADS_TRIGGER_TIMEOUT_SECONDS": 0.0}),
    # Dates would overflow, the database refuse the size, an order that a lost run had wait for years.
    ("E006", {"DOWNLOADS_KEEP_REQUESTS_DAYS": 10**7}),
    ("E006", {"DOWNLOADS_DEFAULT_ESTIMATE_BYTES": 2**63}),
    ("E012", {"DOWNLOADS_LEASE_SECONDS": 3601}),
    ("E007", {"DOWNLOADS_SOURCE_RETRY_SECONDS": [60, 10**10]}),
    ("E007", {"DOWNLOADS_SOURCE_RETRY_SECONDS": []}),
    ("E007", {"DOWNLOADS_MAIL_RETRY_SECONDS": [60, 0]}),
    ("E008", {"DOWNLOADS_CART_LIMIT": "20"}),
    ("E008", {"DOWNLOADS_CART_LIMIT": True}),
    ("E008", {"DOWNLOADS_EVICT_PROMISED": "false"}),
    ("E008", {"DOWNLOADS_FILE_ROOTS": "/srv/data"}),
    ("E008", {"DOWNLOADS_PRIVATE_ADDRESSES": [10]}),
    ("E005", {"DOWNLOADS_TRIGGER": "json.dumps"}),
    ("E005", {"DOWNLOADS_TRIGGER": "tests.integration.fails_on_import.Anything"}),
    ("E027", {"DOWNLOADS_SOURCES": {"echo": "tests.integration.fails_on_import.Anything"}}),
    ("E027", {"DOWNLOADS_SOURCES": {"http": "downman.storage.FolderStorage"}}),
    ("E028", {"DOWNLOADS_STORAGE": "json.dumps"}),
    ("E028", {"DOWNLOADS_STORAGE": "tests.integration.fails_on_import.Anything"}),
    ("E008", {"DOWNLOADS_SOURCES": {"echo": 1}}),
    ("E008", {"DOWNLOADS_TRIGGER_TIMEOUT_SECONDS": float("nan")}),
    ("E009", {"DOWNLOADS_SOURCE_GIVE_UP_SECONDS": 299}),
    ("E009", {"DOWNLOADS_MAIL_GIVE_UP_SECONDS": 3599}),
    ("E010", {"DOWNLOADS_MAX_VALIDITY_DAYS": 6}),
    ("E011", {"DOWNLOADS_VALIDITY_DAYS": 2}),
    ("E012", {"DOWNLOADS_LEASE_SECONDS": 4}),
    ("E013", {"DOWNLOADS_PACKAGE_DIR": "/srv/fetched", "DOWNLOADS_STAGING_DIR": "/srv/fetched"}),
    ("E013", {"DOWNLOADS_PACKAGE_DIR": "/srv/fetched/packages", "DOWNLOADS_STAGING_DIR": "/srv/fetched"}),
    ("E013", {"DOWNLOADS_PACKAGE_DIR": "/srv/fetched", "DOWNLOADS_STAGING_DIR": "/srv/x/../fetched/staging"}),
    ("E014", {"STATIC_ROOT": "/srv", "DOWNLOADS_PACKAGE_DIR": "/srv/packages"}),
    ("E014", {"MEDIA_ROOT": "/srv/packages/media", "DOWNLOADS_PACKAGE_DIR": "/srv/packages"}),
    ("E014", {"STATICFILES_DIRS": [("maps", "/srv/staging")], "DOWNLOADS_STAGING_DIR": "/srv/staging"}),
    ("E015", {"DOWNLOADS_FILE_ROOTS": ["/srv"], "DOWNLOADS_PACKAGE_DIR": "/srv/packages"}),
    ("E015", {"DOWNLOADS_FILE_ROOTS": ["/srv/staging/data"], "DOWNLOADS_STAGING_DIR": "/srv/staging"}),
    ("E016", {"DOWNLOADS_FILE_ROOTS": ["/etc/ssl"]}),
    ("E017", {"DOWNLOADS_PRIVATE_ADDRESSES": ["0.0.0.0/0"]}),
    ("E017", {"DOWNLOADS_PRIVATE_ADDRESSES": ["::/0"]}),
    ("E018", {"DOWNLOADS_SITE_URL": "portal.example.org"}),
    ("E018", {"DOWNLOADS_SITE_URL": "ftp://portal.example.org"}),
    ("E018", {"DOWNLOADS_SITE_URL": "https://portal.example.org/downloads"}),
    ("E018", {"DOWNLOADS_SITE_URL": "https://ana:secret@portal.example.org"}),
    ("E018", {"DOWNLOADS_SITE_URL": "https://portal.example.org:99999"}),
    ("E019", {"DOWNLOADS_MAIL_FROM": "the portal"}),
    ("E020", {"DOWNLOADS_ADMINISTRATORS": ["data@example.org", "ana"]}),
    ("E021", {"DOWNLOADS_STORAGE_BUDGET_BYTES": 1000}),
    ("E022", {"DOWNLOADS_MAX_RESOURCE_BYTES": 1000}),
    ("E028", {"DOWNLOADS_STORAGE": "no.such.Storage"}),
    ("E027", {"DOWNLOADS_SOURCES": {"echo": "no.such.Source"}}),
    ("E023", {"SENDFILE_BACKEND": NGINX}),
    ("E029", {"USE_TZ": False}),
    ("E023", {"SENDFILE_BACKEND": NGINX, "SENDFILE_ROOT": "/srv"}),
    ("E025", {"DOWNLOADS_PREFECT_API_URL": "127.0.0.1:4200"}),
    ("E026", {"DOWNLOADS_PREFECT_API_AUTH_STRING": "only-a-password"}),
]
WARNED: list[tuple[str, dict[str, object]]] = [
    ("W001", {"DOWNLOADS_TRIGGER": "downman.trigger.NoTrigger"}),
    ("W002", {"DOWNLOADS_SITE_URL": "http://portal.example.org"}),
    ("W003", {"DOWNLOADS_MAIL_FROM": "Portal <downman@localhost>"}),
    ("W004", {"DOWNLOADS_PREFECT_API_URL": "https://prefect.example.org/api", "DOWNLOADS_PREFECT_API_AUTH_STRING": ""}),
    ("W005", {"DOWNLOADS_PREFECT_API_URL": "http://prefect.example.org/api"}),
    ("W006", {"DOWNLOADS_PRIVATE_ADDRESSES": ["169.254.0.0/16"]}),
    ("W006", {"DOWNLOADS_PRIVATE_ADDRESSES": ["fc00::/7"]}),
    ("W008", {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}),
    ("W008", {"USE_X_FORWARDED_HOST": True}),
]


@pytest.fixture
def valid(settings: Any) -> Any:
    """Return valid settings of a site that people use."""
    settings.DOWNLOADS_TRIGGER = "downman.trigger.PrefectTrigger"
    settings.DOWNLOADS_SITE_URL = "https://portal.example.org/"
    settings.DOWNLOADS_MAIL_FROM = "The portal <downloads@example.org>"
    settings.DOWNLOADS_PREFECT_API_URL = "http://127.0.0.1:4200/api"
    settings.DOWNLOADS_PREFECT_API_AUTH_STRING = "admin:a password: with a colon"
    assert check_settings() == check_deployment() == []
    return settings


@pytest.mark.parametrize(("number", "values"), REJECTED)
def test_invalid_settings_are_rejected_with_a_hint(valid: Any, number: str, values: dict[str, object]) -> None:
    for name, value in values.items():
        setattr(valid, name, value)
    (error,) = check_settings()
    assert error.id == f"downloads.{number}"
    assert error.is_serious()
    assert any(name in error.msg for name in values)
    assert error.hint


@pytest.mark.parametrize(("number", "values"), WARNED)
def test_settings_for_a_trial_only_are_warned_of(valid: Any, number: str, values: dict[str, object]) -> None:
    for name, value in values.items():
        setattr(valid, name, value)
    (warning,) = check_deployment()
    assert warning.id == f"downloads.{number}"
    assert not warning.is_serious()
    assert check_settings() == []


@pytest.mark.parametrize("root", ["/", "/proc", "/root"])
def test_system_folders_are_not_published(valid: Any, root: str) -> None:
    valid.DOWNLOADS_FILE_ROOTS = [root]
    assert "downloads.E016" in {error.id for error in check_settings()}


def test_a_folder_with_secrets_is_not_published(valid: Any, tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "secrets").mkdir(parents=True)
    valid.DOWNLOADS_FILE_ROOTS = [root]
    assert [error.id for error in check_settings()] == ["downloads.E016"]
    (root / "secrets").rmdir()
    assert check_settings() == []


def test_a_symbolic_link_does_not_hide_where_a_folder_is(valid: Any, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(valid.DOWNLOADS_PACKAGE_DIR)
    valid.DOWNLOADS_FILE_ROOTS = [tmp_path / "data"]
    assert [error.id for error in check_settings()] == ["downloads.E015"]


def test_another_database_is_rejected(valid: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.db.backends.postgresql.base.DatabaseWrapper.vendor", "sqlite")
    assert [error.id for error in check_settings()] == ["downloads.E024"]


def test_static_files_that_are_not_collected_are_warned_of(
    valid: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "static"
    found = storage.ManifestStaticFilesStorage(location=str(folder), base_url="/static/")
    monkeypatch.setattr("downman.checks.deployed.staticfiles_storage", found)
    (warning,) = check_deployment()
    assert warning.id == "downloads.W007"
    folder.mkdir()
    (folder / "staticfiles.json").touch()
    assert check_deployment() == []


def test_the_packages_of_nginx_are_those_of_the_site(valid: Any) -> None:
    valid.SENDFILE_BACKEND = NGINX
    valid.SENDFILE_ROOT = str(valid.DOWNLOADS_PACKAGE_DIR)
    assert check_settings() == []


def test_no_finding_repeats_an_address_or_a_secret(valid: Any) -> None:
    valid.DOWNLOADS_ADMINISTRATORS = ["ana at example.org"]
    valid.DOWNLOADS_MAIL_FROM = "bob at example.org"
    valid.DOWNLOADS_PREFECT_API_AUTH_STRING = "the-secret"
    valid.DOWNLOADS_PREFECT_API_URL = "admin:the-secret@host"
    messages = " ".join(f"{found.msg} {found.hint}" for found in [*check_settings(), *check_deployment()])
    assert messages.count("DOWNLOADS_") >= 4
    assert not any(word in messages for word in ("ana at", "bob at", "the-secret"))


def test_an_invalid_value_hides_no_other_problem(valid: Any) -> None:
    valid.DOWNLOADS_CART_LIMIT = 0
    valid.DOWNLOADS_MAX_VALIDITY_DAYS = 6
    assert {error.id for error in check_settings()} == {"downloads.E006", "downloads.E010"}


def test_an_invalid_setting_is_reported_by_name_when_it_is_read(valid: Any) -> None:
    valid.DOWNLOADS_CART_LIMIT = 0
    valid.DOWNLOADS_METRICS_TOKEN = [SECRET]
    with pytest.raises(InvalidSettings) as rejected:
        app_settings()
    assert rejected.value.reasons == [
        "DOWNLOADS_CART_LIMIT is 0; it must be a whole number, 1 to 10000.",
        "DOWNLOADS_METRICS_TOKEN must be text.",
    ]
    valid.DOWNLOADS_CART_LIMIT = 1
    valid.DOWNLOADS_METRICS_TOKEN = SECRET
    assert app_settings().cart_limit == 1
    assert SECRET not in repr(app_settings())


def test_each_change_takes_effect_immediately(valid: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    valid.DOWNLOADS_FILE_ROOTS = [Path("/srv/a")]
    assert app_settings() is app_settings(), "validated once"
    valid.DOWNLOADS_FILE_ROOTS.append(Path("/srv/b"))
    assert app_settings().file_roots == (Path("/srv/a"), Path("/srv/b"))
    with override_settings(DOWNLOADS_CART_LIMIT=3):
        assert app_settings().cart_limit == 3
    assert app_settings().cart_limit == 20
    django_settings.DOWNLOADS_CART_LIMIT = 4
    assert app_settings().cart_limit == 4
    del valid.DOWNLOADS_CART_LIMIT, valid.DOWNLOADS_PREFECT_API_URL
    assert app_settings().cart_limit == 20
    monkeypatch.setenv("PREFECT_API_URL", "http://192.0.2.1/api")
    assert app_settings().prefect_api_url == "http://192.0.2.1/api"
    monkeypatch.delenv("PREFECT_API_URL")
    assert app_settings().prefect_api_url == "http://127.0.0.1:4200/api"


def test_every_finding_is_tried() -> None:
    alone = {"E016", "E024", "W007"}
    assert {number for number, _values in [*REJECTED, *WARNED]} | alone == set(FINDINGS)
    assert list(FINDINGS) == sorted(FINDINGS), "the reference lists them so"


def test_the_shortest_lease_outlasts_ten_renewals() -> None:
    assert LEAST_LEASE_SECONDS >= 10 * HEARTBEAT_SECONDS


def test_the_environment_gives_settings_of_every_type(settings: Any) -> None:
    given = settings_from_environment(
        {
            "DOWNLOADS_STAGING_DIR": "/var/tmp/downloads",
            "DOWNLOADS_FILE_ROOTS": "/srv/a, /srv/b",
            "DOWNLOADS_SOURCE_RETRY_SECONDS": "1,2",
            "DOWNLOADS_EVICT_PROMISED": "true",
            "DOWNLOADS_TRIGGER_TIMEOUT_SECONDS": "1.5",
            "DOWNLOADS_CART_LIMIT": "",
            "PATH": "/bin",
        }
    )
    assert given == {
        "DOWNLOADS_STAGING_DIR": Path("/var/tmp/downloads"),
        "DOWNLOADS_FILE_ROOTS": (Path("/srv/a"), Path("/srv/b")),
        "DOWNLOADS_SOURCE_RETRY_SECONDS": (1, 2),
        "DOWNLOADS_EVICT_PROMISED": True,
        "DOWNLOADS_TRIGGER_TIMEOUT_SECONDS": 1.5,
    }
    for name, value in given.items():
        setattr(settings, name, value)
    assert app_settings().evict_promised
    assert check_settings() == []


def test_all_problems_of_the_environment_are_reported_by_name() -> None:
    wrong = {
        "DOWNLOADS_CART_LIMIT": "many",
        "DOWNLOADS_EVICT_PROMISED": "perhaps",
        "DOWNLOADS_SOURCE_RETRY_SECONDS": "1,soon",
        "DOWNLOADS_CART_LIMITS": "3",
        "DOWNLOADS_PREFECT_API_AUTH_STRING_FILE": "/no/such/file",
    }
    with pytest.raises(InvalidSettings) as rejected:
        settings_from_environment(wrong)
    assert len(rejected.value.reasons) == len(wrong)
    for name in wrong:
        assert any(name in reason for reason in rejected.value.reasons)


def test_a_site_has_a_login_of_its_own_for_a_prefect_server_on_its_machine(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def login() -> str:
        return app_settings().prefect_api_auth_string.get_secret_value()

    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    del settings.DOWNLOADS_PREFECT_API_AUTH_STRING
    settings.DOWNLOADS_PREFECT_API_URL = "http://127.0.0.1:4200/api"
    settings.SECRET_KEY = "a" * 50
    made = login()
    assert all(made.partition(":"))
    assert "aaaa" not in made
    assert login() == made
    settings.SECRET_KEY = "b" * 50
    assert login() not in {made, ""}
    # The server of another machine has one of its own, which must be given.
    settings.DOWNLOADS_PREFECT_API_URL = "https://prefect.example.org/api"
    assert login() == ""
    settings.DOWNLOADS_PREFECT_API_URL = "http://127.0.0.1:4200/api"
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "site:secret")
    assert login() == "site:secret"


def test_the_sender_is_that_of_the_site_unless_one_is_named(settings: Any) -> None:
    assert app_settings().mail_from == "downman@localhost"
    settings.DEFAULT_FROM_EMAIL = "portal@example.org"
    assert app_settings().mail_from == "portal@example.org"
    settings.DOWNLOADS_MAIL_FROM = "downloads@example.org"
    assert app_settings().mail_from == "downloads@example.org"

"""An environment is rejected with everything that is wrong in it, before anything starts."""

import pytest
from pydantic_settings import BaseSettings

from downman_ops import settings
from downman_ops.errors import ConfigurationError
from downman_ops.launch import service_settings
from downman_ops.launch.demo_home import MARK
from downman_ops.launch.environment import CLASSES, get_all_secret_names, get_known_names, resolve_environment
from tests.reference_pages.rejections import EXAMPLES, rejection

SECRET = "nobody-may-read-this"
MAIL_LOGIN = {"DOWNMAN_MAIL_USER": "portal", "DOWNMAN_MAIL_PASSWORD": SECRET}


@pytest.mark.parametrize("given", EXAMPLES, ids=",".join)
def test_invalid_variables_are_rejected_by_name(given: dict[str, str]) -> None:
    message = rejection(given)
    assert message.count("\n") == 0
    assert any(name in message for name in given)
    assert message.endswith((".", "?"))


def test_all_problems_are_reported_together() -> None:
    message = rejection(
        {"DOWNMAN_PROT": "1", "DOWNLOADS_CART_LIMIT": "x", "WARM_PROCESS_GRACE": "1", "DOWNMAN_PACKAGE_PRIORITY": "1"}
    )
    assert len(message.splitlines()) == 4


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"PATH": "/bin", "DOWNLOAD_DIR": "/home", "PREFECT_ANYTHING": "1"},
        {MARK: "/home", "DOWNMAN_HOME": "/home", "DOWNMAN_SMTP_PORT": "2525", "DOWNMAN_LIMITS": "off"},
        {MARK: "/home", "WARM_PROCESS_LOAD_SECONDS": "1"},
        {"PREFECT_API_URL": "http://127.0.0.1/api", "DOWNLOADS_PREFECT_API_URL": "http://127.0.0.1/api/"},
        {**MAIL_LOGIN, "DOWNMAN_MAIL_HOST": "127.0.0.2"},
        {**MAIL_LOGIN, "DOWNMAN_MAIL_HOST": "mail.example.org", "DOWNMAN_MAIL_TYPE": "STARTTLS"},
        {"DOWNMAN_MAIL_PASSWORD": "", "DOWNMAN_MAIL_PASSWORD_FILE": ""},
        {"DOWNMAN_PACKAGE_PRIORITY": "1", "DOWNMAN_NOTIFY_PRIORITY": "2"},
        # The port of a demo's site is not that of an installation's, whose default Prefect may use.
        {"DOWNMAN_PORT": "9000", "DOWNMAN_PREFECT_PORT": "8000"},
        {"DOWNLOADS_CART_LIMIT": ""},
        {"DOWNMAN_PRELOAD": "json, downman_flows.preload:load"},
        {"DOWNMAN_PRELOAD": '["downman_flows.preload:load"]'},
    ],
)
def test_valid_variables_are_kept_as_they_are(given: dict[str, str]) -> None:
    taken = resolve_environment(given)
    assert {name: value for name, value in given.items() if value} == {k: v for k, v in taken.items() if v}


@pytest.mark.parametrize("name", get_all_secret_names())
def test_no_message_repeats_a_secret(name: str) -> None:
    with pytest.raises(ConfigurationError) as rejected:
        resolve_environment({name: SECRET, f"{name}_FILE": "/some/file", "DOWNMAN_PROT": "1"})
    assert name in str(rejected.value)
    assert SECRET not in str(rejected.value)


def test_a_rejected_login_is_not_repeated() -> None:
    assert rejection({"PREFECT_API_AUTH_STRING": SECRET}) != ""
    assert SECRET not in rejection({"PREFECT_API_AUTH_STRING": SECRET})


def test_messages_about_secrets_do_not_repeat_them() -> None:
    message = rejection({"DOWNMAN_MAIL_PASSWORD": SECRET, "DOWNMAN_SECRET_KEY": SECRET, "DOWNMAN_DATABASE_URL": SECRET})
    assert len(message.splitlines()) == 3
    assert SECRET not in message


def test_the_environment_of_this_process_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOWNMAN_PORT", "eight thousand")
    assert rejection({}) == ""
    assert "DOWNMAN_PORT" in rejection({"DOWNMAN_PORT": "eight thousand"})


def test_every_class_of_settings_is_known() -> None:
    declared = {
        item
        for module in (settings, service_settings)
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, BaseSettings) and item.__module__ == module.__name__
    }
    assert declared <= set(CLASSES)


def test_what_reads_like_a_secret_is_one() -> None:
    words = ("PASSWORD", "TOKEN", "SECRET", "AUTH_STRING", "DATABASE_URL")
    secrets = set(get_all_secret_names())
    public = [name for name in get_known_names() if name.endswith(words) and name not in secrets]
    assert public == []
    assert {f"{name}_FILE" for name in secrets} <= get_known_names()

"""A secret may lie in a file; one that is invalid, or that others may read, is rejected with what to do."""

import os
from pathlib import Path
from typing import Any

import pytest

from downman.environment import InvalidSettings
from downman.settings import app_settings, settings_from_environment
from downman_ops.errors import ConfigurationError
from downman_ops.launch.environment import resolve_environment

NAME = "PREFECT_API_AUTH_STRING"
SECRET = "admin:only-in-a-file"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_text(SECRET + "\n")
    return path


def rejection(file: Path) -> str:
    with pytest.raises(ConfigurationError) as rejected:
        resolve_environment({f"{NAME}_FILE": str(file)})
    message = str(rejected.value)
    assert message.startswith(f"{NAME}_FILE names {file}, which ")
    assert SECRET not in message
    return message


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_the_file_stands_for_the_value(file: Path, ending: str) -> None:
    file.write_bytes((SECRET + ending).encode())
    assert resolve_environment({f"{NAME}_FILE": str(file), "PATH": "/bin"}) == {NAME: SECRET, "PATH": "/bin"}


def test_spaces_belong_to_the_secret(file: Path) -> None:
    file.write_text("admin: with spaces \n")
    assert resolve_environment({f"{NAME}_FILE": str(file)})[NAME] == "admin: with spaces "


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644, 0o666])
def test_a_file_that_every_user_may_open_is_rejected(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert "every user" in rejection(file)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_a_file_of_its_owner_and_group_is_valid(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert resolve_environment({f"{NAME}_FILE": str(file)})[NAME] == SECRET


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"admin:a\nadmin:b\n", "more than one line"),
        (b"admin:\xff", "not text"),
    ],
)
def test_a_file_without_a_secret_is_rejected(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    assert message in rejection(file)


def test_what_is_not_a_file_is_rejected_without_waiting(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in rejection(tmp_path / "nothing")
    assert "cannot be read: Is a directory" in rejection(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a file" in rejection(tmp_path / "pipe")


def test_the_site_reads_its_own_secrets_from_files(file: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "DOWNLOADS_PREFECT_API_AUTH_STRING"
    assert settings_from_environment({f"{name}_FILE": str(file)}) == {name: SECRET}
    with pytest.raises(InvalidSettings, match="both set"):
        settings_from_environment({f"{name}_FILE": str(file), name: SECRET})
    # Prefect's own variable counts where the site's is not set.
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    del settings.DOWNLOADS_PREFECT_API_AUTH_STRING
    assert app_settings().prefect_api_auth_string.get_secret_value() == SECRET
    assert SECRET not in repr(app_settings())

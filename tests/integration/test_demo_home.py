"""Nobody else on the machine reads what a demo keeps, and it trusts nothing that others may have put there."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from downman_ops.errors import ConfigurationError
from downman_ops.launch.demo_environment import load_shared_env
from downman_ops.launch.demo_home import DemoHome
from downman_ops.launch.mail_sink import MailFolder
from tests.console_script import DOWNMAN

NOBODY = 65534
FOLDERS = ("prefect", "tmp", "staging", "packages", "files", "mail", "log", "secrets")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


def modes(home: DemoHome) -> dict[str, int]:
    paths = [home.root, *home.root.rglob("*")]
    return {str(path.relative_to(home.root)): stat.S_IMODE(path.stat().st_mode) for path in paths}


@pytest.fixture
def home(tmp_path: Path) -> DemoHome:
    return DemoHome(root=tmp_path / "above" / "home")


def test_a_new_home_is_its_owners_alone_whatever_the_umask(home: DemoHome) -> None:
    before = os.umask(0)
    try:
        assert home.prepare() == []
    finally:
        os.umask(before)
    assert modes(home) == {".": 0o700, **dict.fromkeys(FOLDERS, 0o700)}


def test_an_open_home_is_closed_with_a_sentence_once(home: DemoHome) -> None:
    for name in FOLDERS:
        (home.root / name).mkdir(parents=True)
        (home.root / name).chmod(0o755)
    home.root.chmod(0o755)
    for file in (home.mail / "0001.eml", home.logs / "site.log"):
        file.write_text("for ana alone")
        file.chmod(0o644)
    (home.mail / "link").symlink_to("/etc/hostname")
    said = home.prepare()
    assert said == [f"Other users could look into {home.root} and 10 more; they cannot any more."]
    found = modes(home)
    assert {name: found[name] for name in (".", *FOLDERS)} == dict.fromkeys((".", *FOLDERS), 0o700)
    assert found["mail/0001.eml"] == found["log/site.log"] == 0o600
    assert home.prepare() == []


def test_a_folder_with_other_things_stays_and_the_demos_own_are_closed(home: DemoHome) -> None:
    (home.root / "website").mkdir(parents=True)
    home.root.chmod(0o755)
    (home.root / "website").chmod(0o755)
    home.prepare()
    found = modes(home)
    assert (found["."], found["website"], found["mail"]) == (0o755, 0o755, 0o700)
    # It has become a demo's when one has run there.
    home.lock().close()
    home.prepare()
    assert modes(home)["."] == 0o700


def test_a_mail_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = MailFolder(tmp_path / "mail").keep(b"secret")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent)] == [0o600, 0o700]


def test_a_home_that_everybody_may_write_is_refused(home: DemoHome) -> None:
    home.root.mkdir(parents=True)
    home.root.chmod(0o1777)
    with pytest.raises(ConfigurationError, match="may be written by everybody"):
        home.prepare()


@as_root
def test_a_home_of_another_user_is_refused(home: DemoHome) -> None:
    home.root.mkdir(parents=True)
    os.chown(home.root, NOBODY, NOBODY)
    with pytest.raises(ConfigurationError, match="another user's"):
        home.prepare()


def settings_of(home: DemoHome) -> subprocess.CompletedProcess[str]:
    """Read the settings of the demo's site in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "downman_site.manage", "diffsettings"],
        env={"PATH": os.environ["PATH"], "DOWNMAN_HOME": str(home.root)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("of", ["all", pytest.param("another", marks=as_root)])
def test_an_environment_that_others_may_have_written_is_not_read(
    home: DemoHome, of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.prepare()
    home.write_secret(home.environment, json.dumps({"DOWNMAN_DATABASE_URL": "postgresql://evil.example/x"}))
    assert "evil.example" in settings_of(home).stdout
    if of == "all":
        home.environment.chmod(0o666)
    else:
        os.chown(home.environment, NOBODY, NOBODY)
    refused = settings_of(home)
    assert refused.returncode == 1
    assert "is not read; set DOWNMAN_HOME" in refused.stderr
    assert "Traceback" not in refused.stderr
    monkeypatch.setenv("DOWNMAN_HOME", str(home.root))
    with pytest.raises(ConfigurationError, match="is not read"):
        load_shared_env(home)


@pytest.mark.parametrize("words", [["demo"], ["service", "site"], ["service", "worker"]])
def test_nothing_is_started_where_everybody_may_put_code(tmp_path: Path, words: list[str]) -> None:
    tmp_path.chmod(0o1777)
    done = subprocess.run(
        [DOWNMAN, *words],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "DOWNMAN_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"Everybody may write into {tmp_path}" in done.stderr
    assert not (tmp_path / "home").exists()

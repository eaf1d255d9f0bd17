"""The console script as it is typed: fast, and acting on the installation that is meant."""

import os
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from downman_ops.cli.overview import WIDTH, overview
from downman_ops.cli.programs import PROGRAMS
from downman_ops.registry import COMMANDS
from tests.console_script import DOWNMAN

ROOT = Path(__file__).parents[2]


def typed(
    *words: str, folder: Path, program: Sequence[str] = (DOWNMAN,), environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with nothing in its environment that says where an installation is."""
    ours = ("DOWNMAN_", "DOWNLOADS_", "PREFECT_", "DJANGO_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [*program, *words],
        cwd=folder,
        env={**inherited, "DOWNMAN_HOME": str(folder), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


MANAGE = """import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
"""


def make_site(folder: Path, lines: str = "") -> None:
    """Make what `startproject portal .` makes, as far as our commands look at it."""
    (folder / "manage.py").write_text(MANAGE)
    (folder / "portal").mkdir()
    (folder / "portal" / "__init__.py").touch()
    (folder / "portal" / "settings.py").write_text(f"SECRET_KEY = 'k' * 50\nSTATIC_URL = 'static/'\n{lines}")


def test_help_lists_every_command_and_fits_a_terminal(tmp_path: Path) -> None:
    done = typed("--help", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, overview() + "\n", "")
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ") and line[2] != " "}
    assert {*PROGRAMS, *COMMANDS} <= listed
    assert max(map(len, done.stdout.splitlines())) <= WIDTH


def test_help_loads_neither_django_nor_prefect_and_a_command_no_prefect(tmp_path: Path) -> None:
    code = (
        "import sys; from downman_ops.cli.main import main; main(sys.argv[1:]);"
        "sys.exit(' '.join({'django', 'prefect'} & set(sys.modules)) or 0)"
    )
    assert typed("--help", folder=tmp_path, program=(sys.executable, "-c", code)).stderr == ""
    database = "postgresql://downman@127.0.0.1:9/downman"
    done = typed(
        "orders", folder=tmp_path, program=(sys.executable, "-c", code), environment={"DOWNMAN_DATABASE_URL": database}
    )
    assert done.stderr.splitlines()[-1] == "django"


@pytest.mark.parametrize("name", [*COMMANDS, *(name for name, program in PROGRAMS.items() if not program.is_foreign)])
def test_every_command_explains_itself_without_an_installation(name: str, tmp_path: Path) -> None:
    done = typed(name, "--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: downman {name}")


def test_a_command_that_is_unknown_is_one_sentence(tmp_path: Path) -> None:
    done = typed("inspect", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "downman: there is no command inspect; downman --help lists them.\n"


@pytest.mark.parametrize("words", [["active"], ["bootstrap", "--show"], ["prefect", "version"]])
def test_where_nothing_was_started_it_says_what_to_name(words: list[str], tmp_path: Path) -> None:
    done = typed(*words, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"downman: No demo has been started in {tmp_path}.")
    for name in ("downman demo", "DOWNMAN_HOME", "DJANGO_SETTINGS_MODULE", "--env-file"):
        assert name in done.stderr


def test_an_environment_file_that_is_wrong_is_rejected_with_its_reason(tmp_path: Path) -> None:
    file = tmp_path / "downman.env"
    file.write_text("DOWNMAN_PAKAGE_CONCURRENCY=8\n")
    done = typed("--env-file", str(file), "active", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("downman: There is no setting DOWNMAN_PAKAGE_CONCURRENCY")


def test_an_environment_file_says_which_installation_is_meant(tmp_path: Path) -> None:
    file = tmp_path / "downman.env"
    file.write_text(
        f"DOWNMAN_HOME={tmp_path}\nDOWNMAN_SECRET_KEY={'0123456789' * 5}\n"
        "DOWNLOADS_SITE_URL=https://portal.example.org\n"
        "DOWNMAN_DATABASE_URL=postgresql://downman@127.0.0.1:9/portal\n"
    )
    # Not the site in whose folder it happens to be typed.
    make_site(tmp_path)
    code = "from django.conf import settings as s; print(s.SETTINGS_MODULE, s.DATABASES['default']['NAME'])"
    done = typed("--env-file", str(file), "manage", "shell", "--no-imports", "-c", code, folder=tmp_path)
    assert done.stdout == "downman_site.production portal\n", done.stderr


def test_the_settings_of_a_site_of_ones_own_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "portal.py").write_text("from downman_site.settings import *\nTIME_ZONE = 'Atlantic/Canary'\n")
    own = {"DJANGO_SETTINGS_MODULE": "portal", "PYTHONPATH": str(tmp_path)}
    code = "from django.conf import settings; print(settings.TIME_ZONE)"
    done = typed("manage", "shell", "--no-imports", "-c", code, folder=tmp_path, environment=own)
    assert done.stdout == "Atlantic/Canary\n", done.stderr


def test_the_settings_of_a_site_are_found_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "portal.py").write_text("from downman_site.settings import *\nTIME_ZONE = 'Atlantic/Canary'\n")
    code = "from django.conf import settings; print(settings.TIME_ZONE)"
    own = {"DJANGO_SETTINGS_MODULE": "portal"}
    done = typed("manage", "shell", "--no-imports", "-c", code, folder=tmp_path, environment=own)
    assert done.stdout == "Atlantic/Canary\n", done.stderr


def test_the_settings_of_a_site_are_found_in_its_manage_py(tmp_path: Path) -> None:
    make_site(tmp_path, "TIME_ZONE = 'Atlantic/Canary'\n")
    code = "from django.conf import settings; print(settings.TIME_ZONE)"
    done = typed("manage", "shell", "--no-imports", "-c", code, folder=tmp_path)
    assert done.stdout == "Atlantic/Canary\n", done.stderr


@pytest.mark.parametrize("words", [("manage", "check"), ("bootstrap", "--show")], ids=" ".join)
@pytest.mark.parametrize(
    ("of", "mode", "owner", "why"),
    [
        (".", 0o1777, None, "everybody may write it"),
        ("manage.py", 0o666, None, "everybody may write it"),
        (".", 0o755, 12345, "it is not yours"),
        ("manage.py", 0o644, 12345, "it is not yours"),
    ],
)
def test_what_strangers_may_have_put_into_the_folder_is_not_run(
    of: str, mode: int, owner: int | None, why: str, words: Sequence[str], tmp_path: Path
) -> None:
    if owner is not None and os.geteuid() != 0:
        pytest.skip("only root can give a file to somebody else")
    make_site(tmp_path, "from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    (tmp_path / of).chmod(mode)
    if owner is not None:
        os.chown(tmp_path / of, owner, -1)
    done = typed(*words, folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"downman: {tmp_path / of} belongs to "), done.stderr
    assert f" and {why}: code in it is not run; go to the folder of your site with cd, or name" in done.stderr
    assert "DJANGO_SETTINGS_MODULE" in done.stderr
    assert not (tmp_path / "portal" / "ran").exists()


@pytest.mark.parametrize("part", ["prefect", "setup", "site", "worker"])
def test_a_service_of_no_site_is_told_to_go_to_one(part: str, tmp_path: Path) -> None:
    done = typed("service", part, folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("downman: Nothing here says which site is meant: go to its folder"), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_service_starts_where_everybody_may_put_modules(tmp_path: Path) -> None:
    (tmp_path / "prefect.py").write_text("print('run')")
    tmp_path.chmod(0o1777)
    done = typed("service", "worker", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"downman: Everybody may write into {tmp_path}: no service is started there, ")


def test_settings_that_are_named_are_used_even_where_everybody_may_write(tmp_path: Path) -> None:
    site, everybodys = tmp_path / "site", tmp_path / "everybodys"
    site.mkdir()
    everybodys.mkdir()
    make_site(site)
    make_site(everybodys)
    everybodys.chmod(0o1777)
    named = {"DJANGO_SETTINGS_MODULE": "portal.settings", "PYTHONPATH": str(site)}
    code = "import os, sys, portal; print(portal.__file__, os.getcwd() in [*sys.path, os.environ['PYTHONPATH']])"
    done = typed("manage", "shell", "--no-imports", "-c", code, folder=everybodys, environment=named)
    assert done.stdout == f"{site / 'portal' / '__init__.py'} False\n", done.stderr


def test_a_demo_that_is_named_is_meant_and_not_the_site_in_the_folder(tmp_path: Path) -> None:
    make_site(tmp_path)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "environment.json").write_text("{}")
    code = "from django.conf import settings; print(settings.SETTINGS_MODULE)"
    done = typed("manage", "shell", "--no-imports", "-c", code, folder=tmp_path)
    assert done.stdout == "downman_site.settings\n", done.stderr


@pytest.mark.parametrize(
    ("lines", "words", "said"),
    [
        ("", ["service", "prefect"], "downman: The site's database is "),
        ("import nothing_such", ["service", "worker"], "downman: portal.settings: No module named 'nothing_such'"),
        ("DOWNLOADS_CART_LIMIT = 0", ["service", "worker"], "downman: DOWNLOADS_CART_LIMIT is 0;"),
        ("DOWNLOADS_CART_LIMIT = 0", ["bootstrap"], "downman: DOWNLOADS_CART_LIMIT is 0;"),
        (
            "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'x', 'HOST': '/none'}}",
            ["service", "prefect"],
            "downman: The site's database cannot be reached: ",
        ),
    ],
)
def test_what_is_wrong_with_a_sites_settings_is_a_sentence(
    lines: str, words: list[str], said: str, tmp_path: Path
) -> None:
    make_site(tmp_path, lines)
    done = typed(*words, folder=tmp_path)
    assert (done.returncode, done.stderr[: len(said)], "Traceback" in done.stderr) == (1, said, False), done.stderr


NOT_INSTALLED = 'downman: portal.settings: downman is not in INSTALLED_APPS; add "downman" to them.\n'


@pytest.mark.parametrize("words", [("doctor",), ("orders",), ("service", "worker"), ("service", "setup")], ids=" ".join)
def test_a_site_without_the_app_is_told_so(words: Sequence[str], tmp_path: Path) -> None:
    make_site(tmp_path, "INSTALLED_APPS = ['django.contrib.auth', 'django.contrib.contenttypes']\n")
    done = typed(*words, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", NOT_INSTALLED)


@pytest.mark.parametrize("words", [("doctor",), ("service", "worker"), ("service", "prefect")], ids=" ".join)
@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("x = (", "SyntaxError: '(' was never closed"),
        ("import os; KEY = os.environ['NO_SUCH']", "KeyError: 'NO_SUCH'"),
        ("raise RuntimeError('one\\nand two')", "RuntimeError: one and two"),
        ("import nothing_such", "No module named 'nothing_such'"),
    ],
)
def test_settings_that_fail_are_a_sentence_with_file_and_line(
    lines: str, said: str, words: Sequence[str], tmp_path: Path
) -> None:
    make_site(tmp_path, lines)
    done = typed(*words, folder=tmp_path)
    expected = f"downman: portal.settings: {said} ({tmp_path / 'portal' / 'settings.py'}, line 3)\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    make_site(
        tmp_path,
        "INSTALLED_APPS = ['django.contrib.auth', 'django.contrib.contenttypes', 'downman']\n"
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'portal'}}\n"
        f"DOWNLOADS_PACKAGE_DIR = '{tmp_path / 'packages'}'\nDOWNLOADS_STAGING_DIR = '{tmp_path / 'file' / 'staging'}'",
    )
    done = typed("service", "worker", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("downman: DOWNLOADS_STAGING_DIR: the folder "), done.stderr
    assert "cannot be made: File exists" in done.stderr


@pytest.mark.parametrize(
    ("lines", "environment", "expected"),
    [
        ("", {}, "http://127.0.0.1:4200/api 4200"),
        ("DOWNLOADS_PREFECT_API_URL = 'http://127.0.0.1:4300/api'\n", {}, "http://127.0.0.1:4300/api 4300"),
        ("", {"DOWNMAN_PREFECT_PORT": "4300"}, "http://127.0.0.1:4300/api 4300"),
        ("", {"PREFECT_API_URL": "https://prefect.example.org:8443/api"}, "https://prefect.example.org:8443/api 4200"),
    ],
)
def test_prefects_server_listens_where_the_site_looks_for_it(
    lines: str, environment: Mapping[str, str], expected: str, tmp_path: Path
) -> None:
    make_site(tmp_path, lines)
    code = (
        "import os; from downman_ops.launch import service; from downman_ops.launch.service_settings import *; "
        "service.load_service_env(None, part='setup'); "
        "print(os.environ['PREFECT_API_URL'], ServiceSettings().prefect_port)"
    )
    done = typed("-c", code, folder=tmp_path, program=(sys.executable,), environment=environment)
    assert done.stdout == f"{expected}\n", done.stderr


def test_the_mail_server_is_that_of_the_sites_own_settings_unless_the_environment_names_one(tmp_path: Path) -> None:
    make_site(tmp_path, "EMAIL_HOST = 'mail.example.org'\nEMAIL_PORT = 587\nEMAIL_USE_TLS = True\n")
    code = (
        "import os; from downman_ops.cli.installation import load_installation; "
        "from downman_ops.settings import PoolSettings; load_installation(None, part='bootstrap'); p = PoolSettings(); "
        "print(p.mail_host, p.mail_port, p.mail_type, p.mail_user)"
    )
    done = typed("-c", code, folder=tmp_path, program=(sys.executable,))
    assert done.stdout == "mail.example.org 587 STARTTLS None\n", done.stderr
    named = {"DOWNMAN_MAIL_HOST": "127.0.0.1"}
    done = typed("-c", code, folder=tmp_path, program=(sys.executable,), environment=named)
    assert done.stdout == "127.0.0.1 25 INSECURE None\n", done.stderr


def test_a_file_that_is_no_text_is_no_environment(tmp_path: Path) -> None:
    file = tmp_path / "downman.env"
    file.write_bytes(bytes(range(128, 256)))
    done = typed("--env-file", str(file), "active", folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, f"downman: {file} cannot be read: it is not text in UTF-8.\n")


def test_a_site_without_the_commands_is_told_how_to_install_them(tmp_path: Path) -> None:
    # All that the environment has, but for our own distribution; of this the app and the site only.
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "downman" not in path.name.lower():
            (packages / path.name).symlink_to(path)
    done = typed(
        *("-m", "downman_site.manage", "downman", "active", "--json"),
        folder=tmp_path,
        program=(sys.executable, "-S"),
        environment={"PYTHONPATH": os.pathsep.join([str(ROOT / "django_integration"), str(packages)])},
    )
    assert done.returncode == 1
    assert done.stderr == (
        "CommandError: The commands for operators are not installed in this environment. "
        "Install all of downman: pip install 'downman[worker]'\n"
    )


OF_THE_REFERENCE_SITE = (sys.executable, "-m", "downman_site.manage")


def started(words: Sequence[str], folder: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words,
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("DOWNMAN_", "PREFECT_"))},
            "DOWNMAN_HOME": str(folder),
            "DOWNMAN_DATABASE_URL": "postgresql://downman@127.0.0.1:9/downman",
            "PREFECT_API_URL": "http://127.0.0.1:9/api",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    "words",
    [
        (DOWNMAN, "--help"),
        (DOWNMAN, "manage", "help"),
        (DOWNMAN, "doctor"),
        (*OF_THE_REFERENCE_SITE, "downman", "doctor", "--json"),
    ],
    ids=" ".join,
)
def test_a_reader_that_has_read_enough_ends_it_as_any_other_program(words: Sequence[str], tmp_path: Path) -> None:
    process = started(words, tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == -signal.SIGPIPE


def test_prefects_own_commands_end_without_a_traceback_too(tmp_path: Path) -> None:
    process = started((DOWNMAN, "prefect", "--help"), tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    assert "Traceback" not in process.communicate(timeout=60)[1]
    assert process.returncode != 0


@pytest.mark.parametrize("words", [(DOWNMAN, "doctor"), (*OF_THE_REFERENCE_SITE, "downman", "active")], ids=" ".join)
def test_ctrl_c_ends_it_at_once_and_without_a_word(words: Sequence[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        hanging.settimeout(60)
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}/api"
        process = started(words, tmp_path, PREFECT_API_URL=url)
        connection, _ = hanging.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            _, wrong = process.communicate(timeout=60)
    assert wrong == ""
    assert process.returncode == -signal.SIGINT

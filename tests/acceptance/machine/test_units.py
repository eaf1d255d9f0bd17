"""The units as systemd sees them, and their installation into a folder."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.console_script import DOWNMAN

ROOT = Path(__file__).parents[3]
UNITS = sorted(path for path in (ROOT / "deployments" / "systemd").iterdir() if path.suffix in {".service", ".target"})
SERVICES = [path for path in UNITS if path.suffix == ".service"]


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)


def install(what: str, root: Path, *options: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DOWNMAN, what, "--root", str(root), *options],
        cwd=ROOT,
        input=answer,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_systemd_understands_all_units() -> None:
    assert len(SERVICES) == 5
    done = analyze("verify", *(str(path) for path in UNITS))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_a_service_may_do_little_on_its_machine(unit: Path) -> None:
    done = analyze("security", "--offline=true", str(unit))
    exposure = re.search(r"Overall exposure level .*: ([0-9.]+)", done.stdout)
    assert exposure is not None, done.stderr
    assert float(exposure[1]) < 2, "below 5 is what systemd calls OK"


def test_nothing_is_changed_without_a_yes(tmp_path: Path) -> None:
    for answer in ("", "n\n", "perhaps\n"):
        done = install("install", tmp_path, answer=answer)
        assert done.returncode == 1
        assert done.stdout.endswith("Nothing was changed.\n")
        assert list(tmp_path.iterdir()) == []


def test_what_it_does_stands_in_what_it_says_and_a_second_time_does_nothing(tmp_path: Path) -> None:
    done = install("install", tmp_path, answer="y\n")
    assert done.returncode == 0, done.stderr
    for name in files(tmp_path):
        assert f"{tmp_path}/{name}" in done.stdout
    wanted = tmp_path / "etc/systemd/system/downman.target.wants"
    assert {"downman-package@1.service", "downman-package@2.service"} < {path.name for path in wanted.iterdir()}
    assert str(ROOT) in (tmp_path / "etc/systemd/system/downman-site.service").read_text()
    before = files(tmp_path)
    assert install("install", tmp_path).stdout == "There is nothing to do.\n"
    assert files(tmp_path) == before


def test_secrets_are_made_for_each_installation_and_kept_from_others(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for root in (one, other):
        assert install("install", root, "--yes").returncode == 0
    for name in ("secret-key", "prefect-login"):
        secrets = [root / "etc/downman/secrets" / name for root in (one, other)]
        assert len({path.read_text() for path in secrets}) == 2
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in secrets)
        assert all(len(path.read_text()) > 30 for path in secrets)
    assert (one / "etc/downman/secrets").stat().st_mode & 0o777 == 0o700
    assert (one / "etc/downman/downman.env").stat().st_mode & 0o777 == 0o600


def test_the_environment_file_is_never_written_over_and_says_how_many_workers(tmp_path: Path) -> None:
    install("install", tmp_path, "--yes")
    environment = tmp_path / "etc/downman/downman.env"
    environment.write_text(
        environment.read_text().replace("DOWNMAN_PACKAGE_WORKERS=2", "DOWNMAN_PACKAGE_WORKERS=1\n# mine")
    )
    done = install("install", tmp_path, "--yes")
    assert "disable downman-package@2.service, which" in done.stdout
    assert "# mine" in environment.read_text()
    names = {path.name for path in (tmp_path / "etc/systemd/system/downman.target.wants").iterdir()}
    assert "downman-package@1.service" in names
    assert "downman-package@2.service" not in names


def test_a_machine_runs_what_its_environment_file_says(tmp_path: Path) -> None:
    install("install", tmp_path, "--yes")
    environment = tmp_path / "etc/downman/downman.env"
    said = environment.read_text()
    environment.write_text(re.sub("(?m)^DOWNMAN_SERVICES=.*", "DOWNMAN_SERVICES=package,worker", said))
    assert install("install", tmp_path, "--yes").returncode == 0
    names = {path.name for path in (tmp_path / "etc/systemd/system/downman.target.wants").iterdir()}
    assert names == {"downman-package@1.service", "downman-package@2.service", "downman-worker.service"}
    environment.write_text(re.sub("(?m)^DOWNMAN_SERVICES=.*", "DOWNMAN_SERVICES=package,beat", said))
    done = install("install", tmp_path, "--yes")
    assert done.returncode == 1
    assert "DOWNMAN_SERVICES names beat; there are prefect, setup, site, worker, package." in done.stderr


def test_a_unit_of_an_earlier_version_is_taken_away(tmp_path: Path) -> None:
    install("install", tmp_path, "--yes")
    units = tmp_path / "etc/systemd/system"
    old, link = units / "downman-others.service", units / "downman.target.wants" / "downman-others.service"
    old.write_text((units / "downman-worker.service").read_text())
    link.symlink_to("/etc/systemd/system/downman-others.service")
    done = install("install", tmp_path, "--yes")
    assert done.returncode == 0, done.stderr
    assert not old.exists()
    assert not link.is_symlink()
    environment = tmp_path / "etc/downman/downman.env"
    environment.write_text(environment.read_text().replace("package,worker", "package,others"))
    done = install("install", tmp_path, "--yes")
    assert done.returncode == 1
    assert done.stderr.endswith("others is worker now.\n")


def test_uninstalling_leaves_configuration_and_data(tmp_path: Path) -> None:
    install("install", tmp_path, "--yes")
    (tmp_path / "var/lib/downman/kept.zip").touch()
    assert install("uninstall", tmp_path, answer="no\n").stdout.endswith("Nothing was changed.\n")
    done = install("uninstall", tmp_path, answer="yes\n")
    assert done.returncode == 0, done.stderr
    assert sorted(files(tmp_path)) == [
        "etc/downman/downman.env",
        "etc/downman/secrets/prefect-login",
        "etc/downman/secrets/secret-key",
        "var/lib/downman/kept.zip",
    ]
    assert "Kept are" in done.stdout
    assert install("uninstall", tmp_path).stdout == "There is nothing to do.\n"


def test_the_environment_file_is_read_alike_by_a_shell_and_by_us(tmp_path: Path) -> None:
    from downman_ops.launch.env_file import read_file  # noqa: PLC0415

    file = ROOT / "deployments" / "systemd" / "downman.env"
    seen = subprocess.run(
        ["env", "-i", "sh", "-c", f"set -a; . {file}; exec /usr/bin/env"], capture_output=True, text=True, check=True
    )
    by_shell = dict(line.partition("=")[::2] for line in seen.stdout.splitlines())
    assert {
        name: value for name, value in by_shell.items() if name not in {"PWD", "_", "SHLVL", "OLDPWD"}
    } == read_file(file)

"""What is in the wheel of downman, and that it is found wherever pip puts it."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.acceptance.installed.environments import ROOT, UV, Wheels

PACKAGES = {
    "downman": "django_integration",
    "downman_site": "django_integration",
    "downman_flows": "flows",
    "downman_ops": "deployments",
}
DATA = {
    "nginx": ROOT / "deployments" / "nginx",
    "prometheus": ROOT / "deployments" / "prometheus",
    "systemd": ROOT / "deployments" / "systemd",
}
#: Tests the alerts, and is for promtool.
NOT_CARRIED = {"downman_ops/data/prometheus/alerts_test.yml"}


def files_below(folder: Path, prefix: str) -> dict[str, Path]:
    """Return all files of a folder by their names in the wheel."""
    return {
        f"{prefix}/{path.relative_to(folder).as_posix()}": path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def wanted_files() -> Mapping[str, Path]:
    """Return what the wheel is to have, as it is in the checkout."""
    wanted = {"downman_ops/data/prefect.yaml": ROOT / "prefect.yaml"}
    for package, root in PACKAGES.items():
        wanted |= files_below(ROOT / root / package, package)
    for name, folder in DATA.items():
        wanted |= files_below(folder, f"downman_ops/data/{name}")
    return {name: path for name, path in wanted.items() if name not in NOT_CARRIED}


def test_it_has_all_files_of_its_packages_and_of_those_who_install_it_and_nothing_else(wheels: Wheels) -> None:
    wanted = wanted_files()
    with zipfile.ZipFile(wheels.downman) as wheel:
        found = {name for name in wheel.namelist() if ".dist-info/" not in name and not name.endswith("/")}
        assert found == set(wanted)
        changed = [name for name, path in wanted.items() if wheel.read(name) != path.read_bytes()]
    assert not changed
    assert {f"{package}/py.typed" for package in PACKAGES} <= found
    assert {"downman/templates/downloads/order.html", "downman/locale/es/LC_MESSAGES/django.mo"} <= found
    assert not [name for name in found if "test" in name.split("/")[0]]


def install_by_target(wheel: Path, folder: Path) -> dict[str, str]:
    """Install it into a folder, and return the environment in which that is found."""
    command = [UV, "pip", "install", "--quiet", "--no-deps", f"--python={sys.executable}", f"--target={folder}"]
    subprocess.run([*command, str(wheel)], check=True, timeout=60)
    return {"PYTHONPATH": str(folder)}


def install_for_user(wheel: Path, folder: Path) -> dict[str, str]:
    """Install it for one user whose folder this is, and return the environment in which that is found."""
    place = {"PYTHONUSERBASE": str(folder)}
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", f"--python={outside_of_any_environment()}"]
    options = ["install", "--quiet", "--user", "--no-deps", "--no-index", "--break-system-packages", str(wheel)]
    # pip speaks of being root on standard error.
    subprocess.run([*command, *options], check=True, timeout=120, env={**os.environ, **place}, capture_output=True)
    return place


def outside_of_any_environment() -> str:
    """Return the interpreter from which the tests' environment was made."""
    return str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")


@pytest.mark.parametrize("install", [install_by_target, install_for_user])
def test_its_data_are_found_without_a_virtual_environment(
    install: Callable[[Path, Path], dict[str, str]], wheels: Wheels, tmp_path: Path
) -> None:
    place = install(wheels.downman, tmp_path / "place")
    names = ["prefect.yaml", "nginx/downman.conf", "prometheus/alerts.yml", "systemd/downman.target"]
    found = subprocess.run(
        [
            outside_of_any_environment(), "-c",
            "import sys; from downman_ops.data_files import data_file as f; print(*map(f, sys.argv[1:]), sep='\\n')",
            *names,
        ],
        env=place, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert [Path(path).is_relative_to(tmp_path / "place") for path in found] == [True] * len(names), found
    assert all(Path(path).is_file() for path in found)

"""The worker type is a distribution of its own, for people who have never heard of downman."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = "deployments/prefect_warm_process"


def test_it_does_not_name_downman() -> None:
    listed = subprocess.run(["git", "ls-files", FOLDER], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    assert ROOT / FOLDER / "README.md" in files
    assert [str(file) for file in files if "downman" in file.read_text().lower()] == []

"""A repository of what lies here now, committed or not, for a newcomer to clone."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]


def as_repository(folder: Path) -> Path:
    """Make it in a folder that is not there yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    who = ["-c", "user.name=A newcomer", "-c", "user.email=newcomer@example.org"]
    for words in (["init", "--quiet"], ["add", "--all"], [*who, "commit", "--quiet", "--message=As it is"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder

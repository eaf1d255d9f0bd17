"""What is locked: its audit fails where it cannot be one, and its bill of materials is whole."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[2]
AUDIT = ROOT / "deployments" / "make" / "advisories.py"
SBOM = ROOT / "deployments" / "make" / "sbom.py"
ADVISORY = """
id: PYSEC-2099-1
details: It lets everybody in.
affected:
- package: {{name: Some_Package, ecosystem: PyPI}}
  ranges:
  - type: ECOSYSTEM
    events:
    - introduced: "1.2"
    - fixed: "1.4"
    - introduced: "2.0"
    - last_affected: "2.1"
  versions: ["0.9"]
modified: "{modified:%Y-%m-%dT%H:%M:%S.%fZ}"
"""


def audit(folder: Path, version: str, *, days: int = 1) -> subprocess.CompletedProcess[str]:
    """Audit one package against one advisory that is some days old."""
    file = folder / "vulns" / "some-package" / "PYSEC-2099-1.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(ADVISORY.format(modified=datetime.now(UTC) - timedelta(days=days)))
    locked = folder / "requirements.txt"
    locked.write_text(f"some-package=={version} --hash=sha256:{'ab' * 32}\n")
    return subprocess.run([sys.executable, AUDIT, folder, locked], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", ["1.2", "1.3.9", "2.1", "0.9"])
def test_a_locked_version_with_an_advisory_fails_the_audit(tmp_path: Path, version: str) -> None:
    done = audit(tmp_path, version)
    assert (done.returncode, "PYSEC-2099-1" in done.stdout) == (1, True), done.stderr


def test_a_version_without_one_passes_and_an_old_or_missing_copy_does_not(tmp_path: Path) -> None:
    clean = audit(tmp_path, "1.4")
    assert (clean.returncode, "No known vulnerabilities" in clean.stderr) == (0, True)
    old = audit(tmp_path, "1.4", days=31)
    assert (old.returncode, "older than 30 days" in old.stdout) == (1, True)
    none = subprocess.run(
        [sys.executable, AUDIT, tmp_path / "nothing", "requirements.txt"], capture_output=True, text=True, check=False
    )
    assert (none.returncode, "has no advisories" in none.stdout) == (1, True)


def test_advisories_that_cannot_be_asked_for_are_a_failure(tmp_path: Path) -> None:
    nowhere = ["AUDIT_ARGS=--vulnerability-service=osv --osv-url=http://127.0.0.1:1/ --timeout=1"]
    done = subprocess.run(["make", "audit", *nowhere], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Not audited, or not clean" in done.stderr


def test_the_bill_of_materials_is_valid_whole_and_the_same_again(tmp_path: Path) -> None:
    running = [
        subprocess.Popen([sys.executable, SBOM, tmp_path / seed], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    ]
    assert [one.wait(timeout=200) for one in running] == [0, 0]
    texts = [(tmp_path / seed).read_text() for seed in ("1", "2")]
    assert texts[0] == texts[1]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(texts[0]) is None
    made = json.loads(texts[0])
    assert made["metadata"]["component"]["name"] == "downman"
    found = {one["name"]: one for one in made["components"]}
    assert set(found) >= {"django", "prefect", "httpx", "gunicorn", "django-axes", "prefect-warm-process"}
    # What only builds or tests it is not in it.
    assert set(found) & {"hatchling", "pytest", "ruff", "cyclonedx-bom", "downman"} == set()
    locked = (ROOT / "requirements.txt").read_text()
    for name, one in found.items():
        hashes = [item["content"] for item in one.get("hashes", [])]
        assert hashes or name == "prefect-warm-process", name
        assert all(f"--hash=sha256:{digest}" in locked for digest in hashes), name
    assert sum("licenses" in one for one in found.values()) > 0.9 * len(found)
    needs = {one["ref"]: one["dependsOn"] for one in made["dependencies"]}
    assert found["django"]["purl"] in needs[made["metadata"]["component"]["bom-ref"]]
    assert str(ROOT) not in texts[0]

"""Write the bill of materials of the wheel: `python deployments/make/sbom.py FILE` (CycloneDX 1.6, JSON).

What the wheel needs with all of its extras, as `requirements.txt` locks it: each with the SHA-256 of every file that
may be installed of it, with its licence and with what it needs, these two where this Python has that version. Made by
CycloneDX's own cyclonedx-py, once from the lock and once from what is installed, and validated against its schema. The
same lock and environment give the same file.
"""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: The distributions of this repository, which the lock does not have.
OURS = ("downman", "prefect-warm-process")
LICENCE = [{"license": {"id": "Apache-2.0", "acknowledgement": "declared"}}]

Component = dict[str, Any]


def make(lock: Path, project: Path) -> dict[str, Any]:
    """Return the document."""
    locked = _cyclonedx("requirements", str(lock), project)
    installed = _cyclonedx("environment", sys.executable, project)
    for one in installed["components"]:
        if one["name"] in OURS:
            one["purl"] = f"pkg:pypi/{one['name']}@{one['version']}"
    here = {one["bom-ref"]: one for one in installed["components"] if "purl" in one}
    by_purl = {one["purl"]: one for one in here.values()}
    needs = {one["ref"]: set(one.get("dependsOn", [])) for one in installed["dependencies"]}
    # cyclonedx-py leaves extras out.
    direct = {ours: _refs_needed_by(ours, here) for ours in OURS}
    reached = _reach(set().union(*direct.values()), needs)

    components = [_of_lock(one, by_purl.get(one["purl"])) for one in locked["components"]]
    unneeded = {one["purl"] for ref, one in here.items() if ref not in reached}
    # Left out: what only builds the wheel.
    components = [one for one in components if one["purl"] not in unneeded]
    worker = next(one for one in here.values() if one["name"] == OURS[1])
    components.append(_plain({**worker, "licenses": LICENCE}))
    known = {one["bom-ref"] for one in components}

    root = {**locked["metadata"]["component"], "type": "library", "licenses": LICENCE}
    root["purl"] = root["bom-ref"] = f"pkg:pypi/{root['name']}@{root['version']}"
    graph = {one["purl"]: needs.get(ref, set()) for ref, one in here.items()}
    graph |= {root["purl"]: direct[OURS[0]], worker["purl"]: direct[OURS[1]]}
    return {
        **locked,
        "metadata": {**locked["metadata"], "component": root},
        "components": sorted(components, key=lambda one: str(one["bom-ref"])),
        "dependencies": [
            {"ref": ref, "dependsOn": sorted({here[one]["purl"] for one in graph.get(ref, ()) if one in here} & known)}
            for ref in sorted({root["purl"], *known})
        ],
    }


def _refs_needed_by(distribution: str, here: dict[str, Component]) -> set[str]:
    wanted = {canonicalize_name(Requirement(text).name) for text in metadata.requires(distribution) or ()}
    return {ref for ref, one in here.items() if canonicalize_name(one["name"]) in wanted}


def _cyclonedx(kind: str, source: str, project: Path) -> dict[str, Any]:
    command = [
        sys.executable, "-m", "cyclonedx_py", kind, source, f"--pyproject={project}", "--output-reproducible",
        "--no-validate",
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own arguments
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _of_lock(locked: Component, installed: Component | None) -> Component:
    """Join what the lock knows of a component, its files' hashes, with what its installed version says of itself."""
    hashes = [one for reference in locked.get("externalReferences", []) for one in reference.get("hashes", [])]
    said: Component = installed or {}
    known: Component = {name: value for name, value in said.items() if name in {"licenses", "description"}}
    without_line = {name: value for name, value in locked.items() if name != "description"}
    return _plain({**without_line, **known, "hashes": hashes})


def _plain(component: Component) -> Component:
    """Refer to a component by what it is, and leave out where this machine has it."""
    kept = {name: value for name, value in component.items() if name != "properties"}
    references = [one for one in kept.get("externalReferences", []) if not one["url"].startswith("file:")]
    kept["externalReferences"] = references
    return {**kept, "bom-ref": component["purl"]}


def _reach(start: set[str], needs: dict[str, set[str]]) -> set[str]:
    reached, waiting = set(start), list(start)
    while waiting:
        new = needs.get(waiting.pop(), set()) - reached
        reached |= new
        waiting += new
    return reached


def main(file: Path) -> int:
    """Write the file, and return the exit status."""
    text = json.dumps(make(Path("requirements.txt"), Path("pyproject.toml")), indent=1, sort_keys=True) + "\n"
    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        print(f"The document is not valid: {problem}")
        return 1
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    components = json.loads(text)["components"]
    licensed = sum("licenses" in one for one in components)
    print(f"{file}: {len(components)} components, {licensed} with a licence")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

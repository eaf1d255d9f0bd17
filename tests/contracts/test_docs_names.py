"""Files, modules and names of which the docs speak exist, and so does what their links lead to."""

import importlib
import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
#: Files are named from the top of the project, from a source root, or from one of its packages.
BASES = (
    ".",
    "django_integration",
    "django_integration/downman",
    "django_integration/downman/templates",
    "flows",
    "flows/downman_flows",
    "deployments",
    "deployments/downman_ops",
    "deployments/prefect_warm_process/src/prefect_warm_process",
    "docs",
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"^[\w.@-]+(/[\w.@-]+)*(/|\.(py|md|yaml|yml|toml|json|txt|sh|conf|service|html|po))$")
DOTTED = re.compile(r"^(downman|downman_site|downman_flows|downman_ops|prefect_warm_process|services)(\.\w+)+(:\w+)?$")
#: Of other projects and sites, of machines on which downman runs, of packages and of the API; an entry point.
FOREIGN = frozenset(
    {
        "install/celery/",
        "portal/settings.py",
        "portal/urls.py",
        "portal/apps.py",
        "portal/tests.py",
        "downman.env",
        "manifest.json",
        "requests/",
        "downman.operations",
    }
)
#: What follows from a heading in an address, as GitHub and most others make it.
NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def tracked_files() -> frozenset[str]:
    """Return every file that belongs to the project, so that what lies around by chance counts for nothing."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return frozenset(listing.stdout.splitlines())


#: Pages whose names are what others send.
NAMES_FROM_OUTSIDE = frozenset({"bad-inputs.md"})


def get_anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return frozenset(NOT_IN_ANCHORS.sub("", heading.lower()).replace(" ", "-") for heading in headings)


def broken_links(page: Path) -> Iterator[str]:
    for target in LINK.findall(prose(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        if not found.exists() or (anchor and anchor not in get_anchors(found)):
            yield target


def unknown_files(page: Path, files: frozenset[str]) -> Iterator[str]:
    folders = {str(parent) + "/" for file in files for parent in Path(file).parents}
    for name in CODE.findall(prose(page)):
        if not PATH.match(name) or name.startswith(".") or name in FOREIGN:
            continue
        bases = [(ROOT / base).relative_to(ROOT) / name for base in BASES] + [
            page.parent.relative_to(ROOT) / name,
        ]
        known = folders if name.endswith("/") else files
        suffix = "/" if name.endswith("/") else ""
        # A bare name, such as `supervision.py`, may stand for the one file that is called so.
        if not any(str(base) + suffix in known for base in bases) and not (
            "/" not in name and any(Path(file).name == name for file in files)
        ):
            yield name


def find_module(name: str) -> bool:
    """Return whether there is a module of this name, without executing it: some need an installation's environment."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def names_something(dotted: str) -> bool:
    """Return whether a dotted name leads to a module or to something in one."""
    parts = dotted.replace(":", ".").split(".")
    if parts[0] == "services":
        parts.insert(0, "downman")
    split = next(count for count in range(len(parts), -1, -1) if not count or find_module(".".join(parts[:count])))
    if split == len(parts):
        return True
    found: object = importlib.import_module(".".join(parts[:split])) if split else None
    for name in parts[split:]:
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_exists(page: Path) -> None:
    dotted = {name for name in CODE.findall(prose(page)) if DOTTED.match(name) and not PATH.match(name)} - FOREIGN

    assert list(broken_links(page)) == [], "no such page, or no such heading in it"
    if page.name in NAMES_FROM_OUTSIDE:
        return
    assert list(unknown_files(page, tracked_files())) == [], "no such file in the project"
    assert sorted(name for name in dotted if not names_something(name)) == [], "no such module, or no such name in it"


def test_a_wrong_name_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n[a](gone.md) [b](#a-page) [c](#another)\n")

    assert list(broken_links(page)) == ["gone.md", "#another"]
    assert names_something("downman.trigger.PrefectTrigger")
    assert names_something("services.leases")
    assert not names_something("downman.trigger.Gone")
    assert not names_something("downman_flows.gone.Gone")


def test_tests_that_the_threat_model_names_are_there() -> None:
    page = ROOT / "docs" / "explanation" / "threat-model.md"
    named = set(re.findall(r"`(test_\w+)`", page.read_text()))
    written = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), flags=re.MULTILINE)
    }
    assert len(named) > 40
    assert named - written == set()

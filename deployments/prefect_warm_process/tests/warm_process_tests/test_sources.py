"""What the package may name: nothing of Prefect that is private, but in the one file that says why."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker
from prefect.workers.process import ProcessJobConfiguration, ProcessVariables, ProcessWorker

import prefect_warm_process
from prefect_warm_process._prefect_compat import ProcessManager

PACKAGE = Path(prefect_warm_process.__file__).parent
COMPATIBILITY = PACKAGE / "_prefect_compat.py"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != COMPATIBILITY)
#: The classes of Prefect of which classes here are kinds.
BASES = (
    BaseJobConfiguration,
    BaseVariables,
    BaseWorker,
    ProcessJobConfiguration,
    ProcessManager,
    ProcessVariables,
    ProcessWorker,
)
#: Prefect's guide to worker types tells their authors to set these.
FOR_AUTHORS = {"_description", "_display_name", "_documentation_url", "_logo_url"}
#: Python's own modules, of which a few private functions are called.
PYTHON = {"atexit", "os", "threading"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


@cache
def get_private_names() -> set[str]:
    """Return the private names of Prefect's classes, those that only their methods set included."""
    names = {name for base in BASES for name in dir(base)}
    for base in BASES:
        for node in ast.walk(ast.parse(inspect.getsource(base))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
                names.add(node.attr)
    return {name for name in names if is_private(name)} - FOR_AUTHORS


def private_modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names):
                found = [f"{module}.{alias.name}" for alias in names]
            case ast.Import(names=names):
                found = [alias.name for alias in names]
            case ast.Constant(value=str(text)) if " " not in text:
                found = [text]
            case _:
                continue
        yield from (name for name in found if name.startswith("prefect.") and any(map(is_private, name.split("."))))


def private_attributes(tree: ast.AST, names: set[str]) -> Iterator[str]:
    """Yield private attributes of other objects, and in a class that is a kind of one of Prefect's, of that."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            match node.value:
                case ast.Name(id="self" | "cls"):
                    continue
                case ast.Name(id=module) if module in PYTHON:
                    continue
            yield f"{ast.unparse(node)} in line {node.lineno}"
        elif isinstance(node, ast.ClassDef) and node.bases:
            for part in ast.walk(node):
                match part:
                    case ast.Attribute(value=ast.Name(id="self"), attr=name, lineno=line) if name in names:
                        yield f"self.{name} in line {line}"
                    case ast.FunctionDef(name=name, lineno=line) | ast.AsyncFunctionDef(name=name, lineno=line):
                        if name in names:
                            yield f"def {name} in line {line}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_nothing_private_of_prefect_is_named(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not [*private_modules(tree), *private_attributes(tree, get_private_names())]


def test_the_one_file_is_recognized_as_what_it_is() -> None:
    """So the search finds what it is to find."""
    tree = ast.parse(COMPATIBILITY.read_text())
    assert "prefect.runner._control_channel.ControlChannel" in set(private_modules(tree))
    found = " ".join(private_attributes(tree, get_private_names()))
    assert "super()._submit_run" in found
    assert "self._submitting_flow_run_ids" in found
    assert "def _release_limit_slot" in found

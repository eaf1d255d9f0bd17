"""The faults that are tried, each with its name, what is done, and what happens to the order then."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.acceptance.faults.scene import Scene

#: Does one fault and asserts how it ends. A generator is begun together with all others of its kind, as far as its
#: `yield`, since it hurts nobody else; what comes after that is its end.
Inject = Callable[[Scene], Iterator[None] | None]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault."""

    name: str
    #: What is hurt: the module in which it stands.
    area: str
    injected: str
    happens: str
    inject: Inject
    #: It takes longer than a minute and a half.
    slow: bool
    #: It mounts file systems.
    needs_root: bool

    @property
    def id(self) -> str:
        """Return the name as pytest's options can hold it."""
        return self.name.replace("'", "").replace(",", "").replace(" ", "-")

    @property
    def together(self) -> bool:
        """Return whether it is begun together with others."""
        return inspect.isgeneratorfunction(self.inject)


FAULTS: dict[str, Fault] = {}


def fault(
    name: str, *, injected: str, happens: str, slow: bool = False, needs_root: bool = False
) -> Callable[[Inject], Inject]:
    """Register a function as a fault."""

    def register(inject: Any) -> Any:
        assert name not in FAULTS, f"there are two faults {name}"
        FAULTS[name] = Fault(
            name=name,
            area=inject.__module__.rpartition(".")[2],
            injected=injected,
            happens=happens,
            inject=inject,
            slow=slow,
            needs_root=needs_root,
        )
        return inject

    return register

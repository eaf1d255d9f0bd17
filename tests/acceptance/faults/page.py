"""The reference page of the faults that are tried."""

from collections.abc import Callable
from importlib import import_module

from tests.acceptance.faults.registered import FAULTS, Fault

#: The modules that register faults, in the order in which they are tried: first those that leave dead runs behind,
#: since Prefect gives these up while the others are tried.
AREAS = {
    "processes": "Processes",
    "prefect_faults": "Prefect, and those who cancel",
    "sources": "Sources",
    "mails": "Mails",
    "disks": "Disks",
}


def all_faults() -> list[Fault]:
    """Return all faults, area by area."""
    for area in AREAS:
        import_module(f"{__package__}.{area}")
    return sorted(FAULTS.values(), key=lambda fault: list(AREAS).index(fault.area))


def faults_page(table: Callable[..., str]) -> str:
    """Write the page; `table` writes its tables."""
    sections = [
        f"## {title}\n\n"
        + table(
            "fault",
            "what is done",
            "what happens",
            rows=[(fault.name, fault.injected, fault.happens) for fault in all_faults() if fault.area == area],
        )
        for area, title in AREAS.items()
    ]
    return (
        "# Faults\n\nMade from `tests/acceptance/faults`, where each of them is injected into the real processes. After"
        " each,\nthe package that was delivered is whole (each file is what the manifest says, the package is what its"
        " link says),\neach mail was sent once, and nothing else is left: no file, no lease, no place in a queue.\n\n"
        + "\n".join(sections)
    )

"""Every fault, injected into the real processes: `-k` takes some by their names, `-m "not slow"` leaves out some."""

import logging
import os
from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.faults.page import all_faults
from tests.acceptance.faults.registered import Fault
from tests.acceptance.faults.scene import Scene, files_below

logger = logging.getLogger(__name__)


def case(fault: Fault) -> object:
    """Return the parameter of a test for a fault."""
    marks = [pytest.mark.slow] if fault.slow else []
    return pytest.param(fault, id=fault.id, marks=marks)


#: Those first that are begun together; last of all what must wait until Prefect has given up the dead runs of others.
CASES = [case(fault) for fault in sorted(all_faults(), key=lambda fault: (fault.slow, not fault.together))]


@pytest.mark.parametrize("fault", CASES)
def test_no_order_is_lost(
    fault: Fault, scene: Scene, begun: dict[str, Iterator[None]], record_property: Callable[[str, object], None]
) -> None:
    if fault.needs_root and os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    scene.measured.clear()
    try:
        if fault.together:
            assert list(begun[fault.name]) == []
        else:
            fault.inject(scene)
    finally:
        for what, seconds in scene.measured.items():
            logger.info("%s: %.2f s", what, seconds)
            record_property(what, f"{seconds:.2f} s")
        scene.source.open_gates()
        scene.mails.come_back()
        scene.parts.revive()


def test_nothing_is_left_of_all_of_them(scene: Scene) -> None:
    scene.assert_places_freed()
    folders = scene.parts.folders
    linked = {target for (target,) in scene.parts.query("SELECT target FROM downloads_downloadlink")}
    assert files_below(folders.staging) == []
    assert {path.relative_to(folders.packages).as_posix() for path in files_below(folders.packages)} == linked

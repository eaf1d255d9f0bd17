"""Faults of the disks. Each folder lies on a small disk of its own, which only root can mount."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.faults.registered import fault
from tests.acceptance.faults.scene import Scene

DISK_BYTES = 64 * 1024 * 1024


@fault(
    "no room where packages lie",
    injected="the disk of the package folder is full before an order",
    happens="the order waits for room without fetching anything; delivered when there is room",
    needs_root=True,
)
def packages_full(scene: Scene) -> None:
    with full(scene.parts.folders.packages):
        placed = scene.order("plain/packages-full.bin")
        scene.until_part(placed, "waiting_for_space")
        assert scene.fetched(placed) == 0
    scene.assert_delivered(placed)


@fault(
    "no room where data are staged",
    injected="the disk of the staging folder is full before an order",
    happens="the order waits for room without fetching anything; delivered when there is room",
    needs_root=True,
)
def staging_full(scene: Scene) -> None:
    with full(scene.parts.folders.staging):
        placed = scene.order("plain/staging-full.bin")
        scene.until_part(placed, "waiting_for_space")
        assert scene.fetched(placed) == 0
    scene.assert_delivered(placed)


@fault(
    "staging fills up while a run fetches",
    injected="the disk of the staging folder is filled in the middle of a transfer",
    happens="the run gives back what it holds and the order waits for room; delivered when there is room",
    needs_root=True,
)
def staging_fills_up(scene: Scene) -> None:
    placed = scene.order_gated()
    with full(scene.parts.folders.staging):
        scene.open_gate(placed)
        scene.until_part(placed, "waiting_for_space")
    scene.assert_delivered(placed)


@fault(
    "package folder fills up while a run fetches",
    injected="the disk of the package folder is filled in the middle of a transfer",
    happens="half a package is deleted and the order waits for room; delivered when there is room",
    needs_root=True,
)
def packages_fill_up(scene: Scene) -> None:
    placed = scene.order_gated()
    with full(scene.parts.folders.packages):
        scene.open_gate(placed)
        scene.until_part(placed, "waiting_for_space")
    scene.assert_delivered(placed)


@fault(
    "package folder cannot be written to",
    injected="the disk of the package folder becomes read-only in the middle of a transfer",
    happens="Prefect shows the run as failed, and the order is tried again; delivered when it can be written to",
    needs_root=True,
)
def packages_read_only(scene: Scene) -> None:
    placed = scene.order_gated()
    folder = scene.parts.folders.packages
    remount(folder, "ro")
    try:
        scene.open_gate(placed)
        scene.until_part(placed, "retrying")
    finally:
        remount(folder, "rw")
    scene.assert_delivered(placed)
    assert "FAILED" in {run["state_type"] for run in scene.prefect.runs(placed.number)}


@contextmanager
def small_disks(*folders: Path) -> Iterator[None]:
    """Mount a small disk on each folder; without root's rights they stay as they are."""
    mounted = folders if os.geteuid() == 0 else ()
    for folder in mounted:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        for folder in mounted:
            subprocess.run(["umount", folder], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Leave no room on the disk of a folder."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        free = os.statvfs(folder)
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)
    try:
        yield
    finally:
        ballast.unlink()


def remount(folder: Path, how: str) -> None:
    """Make a disk read-only (`ro`) or not (`rw`)."""
    subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)

"""How fast data becomes a package: `python -m tests.benchmarks.packaging [--quick] [--json FILE]`.

One process fetches from loopback, stages with hashes, proves, zips and hashes, as a worker does, without the database.
Beside it, in turns, what a person would do by hand: `curl -o`, then `zip`.
"""

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import django

GRID_BYTES = 134_000_000
LARGE_BYTES = 4_000_000_000
SMALL_PARTS = 200


def package(urls: list[str], folder: Path) -> int:
    """Package the addresses as a worker does; give the bytes of the package."""
    from downman.domain.networks import AllowedNetwork
    from downman.domain.policy import DownloadPolicy
    from downman.domain.ports import FetchRequest
    from downman.services.leases import Claim, ClaimedPart
    from downman.storage import FolderStorage
    from downman_flows.runs.fetching import Fetching
    from downman_flows.runs.package_builder import PackageBuilder
    from downman_flows.sources.fetch_limits import FetchLimits
    from downman_flows.sources.http_source import HttpSource
    from downman_flows.storage.staging import Staging
    from downman_flows.wiring import Dependencies

    source = HttpSource(allowed_networks=[AllowedNetwork.parse("127.0.0.1/32")], limits=FetchLimits())
    dependencies = Dependencies(
        sources={"http": source},
        staging=Staging(folder / "staging"),
        storage=FolderStorage(folder / "packages"),
        parallel_fetches=4,
        parallel_fetches_per_host=2,
        staging_reserve_bytes=0,
        package_reserve_bytes=0,
    )
    parts = tuple(
        ClaimedPart(
            locator_id=number,
            position=number,
            title="x",
            licence="",
            request=FetchRequest(resource=str(number), source="http", url=url),
            packaged=True,
            public_limit=None,
        )
        for number, url in enumerate(urls)
    )
    claim = Claim(
        request_id=1, number="2FFF-043D", owner="bench", attempt=1, created_at=datetime.now(tz=UTC), language="en",
        parts=parts, policy=DownloadPolicy(),
    )  # fmt: skip
    contents = PackageBuilder(claim, dependencies.storage)
    with Fetching(1, parts, dependencies) as fetching:
        contents.write(fetching.results(lambda: None), tick=lambda: None)
    (link,) = contents.links()
    assert link.size is not None
    assert len(link.locator_ids) == len(parts)
    source.close()
    return link.size


def by_hand(url: str, folder: Path, *, level: str) -> int:
    """Do the same with `curl` and `zip`."""
    folder.mkdir(parents=True)
    subprocess.run(["curl", "-sS", "-o", folder / "data", url], check=True)
    subprocess.run(["zip", "-q", level, folder / "a.zip", folder / "data"], check=True)
    return (folder / "a.zip").stat().st_size


def timed(timings: list[float], work: Callable[[Path], Any]) -> Any:
    """Run once in an empty folder; the disk is quiet before."""
    with tempfile.TemporaryDirectory(prefix="downman-bench-") as folder:
        os.sync()
        began = time.perf_counter()
        result = work(Path(folder) / "home")
        timings.append(time.perf_counter() - began)
    return result


def write_data(folder: Path) -> tuple[Path, Path]:
    """Make a text grid of elevations, as ESRI's `.asc`, and a file that cannot be compressed."""
    grid, noise = folder / "grid.asc", folder / "noise.bin"
    walk = random.Random(1)  # noqa: S311 - no secret
    height = 500.0
    with grid.open("w") as file:
        while file.tell() < GRID_BYTES:
            heights = []
            for _ in range(500):
                height += walk.uniform(-1, 1)
                heights.append(f"{height:.2f}")
            file.write(" ".join(heights) + "\n")
        file.truncate(GRID_BYTES)
    with noise.open("wb") as file:
        for _ in range(GRID_BYTES // 1_000_000):
            file.write(os.urandom(1_000_000))
    return grid, noise


def peak_memory(address: str, size: int) -> int:
    """Return the largest resident memory, in bytes, of a process that packages so many bytes."""
    command = [sys.executable, "-m", __name__ if __name__ != "__main__" else "tests.benchmarks.packaging"]
    done = subprocess.run(
        [*command, "--child", f"{address}/bytes/{size}/a.bin"], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


def throughput(address: str, folder: Path, repeats: int) -> Iterator[dict[str, Any]]:
    """Measure one compressible grid and one incompressible file, ours and by hand in turns."""
    for path, level in zip(write_data(folder), ("-6", "-0"), strict=True):
        url = f"{address}/file/{path}"
        size = path.stat().st_size
        ours: list[float] = []
        hands: list[float] = []
        for _ in range(repeats):
            packed = timed(ours, partial(package, [url]))
            packed_by_hand = timed(hands, partial(by_hand, url, level=level))
        name = f"{path.name}, {size / 1e6:.0f} MB"
        yield row(f"{name}: downman", ours, size=size, packed=packed)
        yield row(f"{name}: curl -o, zip {level}", hands, size=size, packed=packed_by_hand)


def row(name: str, seconds: list[float], *, size: int, packed: int) -> dict[str, Any]:
    """Sum up one measurement."""
    median = statistics.median(seconds)
    return {
        "name": name,
        "seconds_median": round(median, 3),
        "seconds_min": round(min(seconds), 3),
        "seconds_max": round(max(seconds), 3),
        "megabytes_per_second": round(size / 1e6 / median, 1),
        "packed_share": round(packed / size, 3),
        "repeats": len(seconds),
    }


def main() -> None:
    """Measure, print a table, and write the figures beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two repeats, and 400 MB instead of 4 GB")
    parser.add_argument("--json", type=Path, default=Path("benchmark-results.json"))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "downman_site.settings")
    django.setup()
    if options.child:
        timed([], partial(package, [options.child]))
        # Not `ru_maxrss`, which begins with the peak of the process that started this one.
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        assert peak is not None
        print(int(peak[1]) * 1024)
        return
    missing = [tool for tool in ("curl", "zip") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"The benchmark compares with {' and '.join(missing)}: install it (apt-get install curl zip).")
    print_results(measured(quick=options.quick), options.json)


def measured(*, quick: bool) -> dict[str, Any]:
    """Measure everything."""
    from tests.benchmarks.file_server import serving

    repeats = 2 if quick else 5
    large = LARGE_BYTES // 10 if quick else LARGE_BYTES
    with serving() as address, tempfile.TemporaryDirectory(prefix="downman-bench-") as folder:
        timed([], partial(package, [f"{address}/bytes/1000/a.bin"]))  # imports are not what is measured
        rows = list(throughput(address, Path(folder), repeats))
        seconds: list[float] = []
        urls = [f"{address}/bytes/10000/{number}.bin" for number in range(SMALL_PARTS)]
        for _ in range(repeats):
            packed = timed(seconds, partial(package, urls))
        rows.append(
            row(
                f"{SMALL_PARTS} parts of 10 kB in one order: downman", seconds, size=10_000 * SMALL_PARTS, packed=packed
            )
        )
        memory = {str(size): peak_memory(address, size) for size in (1_000_000, large)}
    small, big = memory.values()
    return {"rows": rows, "peak_memory_bytes": memory, "memory_above_small_bytes": big - small}


def print_results(results: dict[str, Any], file: Path) -> None:
    """Show the table, and keep the figures."""
    print("| what | MB/s | median s | from - to s | packed to |\n| --- | ---: | ---: | ---: | ---: |")
    for item in results["rows"]:
        print(
            f"| {item['name']} | {item['megabytes_per_second']} | {item['seconds_median']} "
            f"| {item['seconds_min']} - {item['seconds_max']} | {item['packed_share']:.0%} |"
        )
    for size, peak in results["peak_memory_bytes"].items():
        print(f"Peak memory of a process that packages {int(size) / 1e6:,.0f} MB: {peak / 1e6:.0f} MB")
    file.write_text(json.dumps(results, indent=2) + "\n")
    print(f"The figures are in {file}.")


if __name__ == "__main__":
    main()

"""Many orders while everything fails: `python -m tests.chaos [--orders 200] [--minutes 5] [--seed N] [--folder F]`.

People order, change their minds and come back, while processes are killed, servers stand still, sources break and
mails are refused, all of it decided by the seed. In the end every order must have ended truthfully, every package must
be what it says, and nothing may be left behind.
"""

import argparse
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from downman.domain.jobs import Job
from tests.acceptance.faults.conftest import QUICK
from tests.acceptance.faults.mail_server import MailServer
from tests.acceptance.faults.parts import Parts
from tests.acceptance.faults.scene import Scene
from tests.certificates import expired_certificate, server_context
from tests.chaos import checks
from tests.chaos.customers import PEOPLE, Customers
from tests.chaos.plan import Plan, plan
from tests.chaos.troubles import TROUBLES
from tests.servers import Source

#: Seconds in which all must have come to its end after the last trouble: a run whose worker is gone is declared dead
#: after 90 s without a sign of life, and a source that always breaks is given up after 45 s.
ENDS_WITHIN_SECONDS = 420
#: As many runs at once as two cores bear.
RUNS_AT_ONCE = "6"


def main() -> int:
    """Run it, and tell what was done and found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="to do the same again")
    parser.add_argument("--folder", type=Path, help="keep the logs and everything else there; a new folder")
    options = parser.parse_args()
    # So that whoever ends it ends all that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended from outside."))
    print(f"{options.orders} orders in {options.minutes:g} minutes, with --seed {options.seed}.", flush=True)
    planned = plan(seed=options.seed, orders=options.orders, seconds=options.minutes * 60)
    with _folder(options.folder) as folder, _scene(folder) as scene:
        found = list(_run(scene, planned, random.Random(options.seed)))  # noqa: S311 - no secret
    print("\n".join(["Wrong:", *found]) if found else "All was well.")
    return 1 if found else 0


def _run(scene: Scene, planned: Plan, chance: random.Random) -> Iterator[str]:
    customers = Customers(scene)
    began = time.monotonic()
    # Everybody has a thread that mostly waits for the time to act.
    with ThreadPoolExecutor(max_workers=len(planned.orders) or PEOPLE) as pool:
        lives = customers.start(pool, list(planned.orders))
        for at, name in planned.troubles:
            threading.Event().wait(max(0.0, began + at - time.monotonic()))
            print(f"{time.monotonic() - began:6.1f} s  {name}", flush=True)
            TROUBLES[name](scene, chance)
    for life in lives:
        if (error := life.exception()) is not None:
            yield f"Somebody could not order: {error!r}"
    scene.parts.revive()
    scene.mails.come_back()
    try:
        scene.eventually(lambda: checks.is_over(scene), seconds=ENDS_WITHIN_SECONDS)
    except AssertionError:
        yield f"Not everything had ended {ENDS_WITHIN_SECONDS} s after the last trouble."
    ended = time.monotonic() - began
    scene.prefect.until_ended(scene.prefect.start(Job.CLEAN_EXPIRED))
    _tell(scene, customers, Counter(name for _, name in planned.troubles), ended)
    yield from checks.wrong(scene, customers)


def _tell(scene: Scene, customers: Customers, troubles: Counter[str], seconds: float) -> None:
    states = Counter(status for (status,) in scene.parts.query("SELECT status FROM downloads_downloadrequest"))
    runs = scene.parts.ask_prefect("POST", "/flow_runs/count", {})
    answered = sorted(customers.answered_after)
    print(f"{sum(states.values())} orders ended in {seconds:.0f} s: {_listed(states)}; by {runs} runs of all kinds.")
    print(f"Troubles: {_listed(troubles)}.")
    print(
        f"An order was answered after {statistics.median(answered):.3f} s (median), {answered[-1]:.2f} s (longest); "
        f"tried again because of: {_listed(customers.refused) or 'nothing'}."
    )
    print(f"{len(scene.mails.taken)} mails came, {checks.repeated_mails(scene)} of them a second time as the same one.")


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counted.items()))


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        wanted.mkdir(parents=True)
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="downman-chaos-") as folder:
        yield Path(folder)


@contextmanager
def _scene(folder: Path) -> Iterator[Scene]:
    parts = Parts(folder / "home", **{**QUICK, "DOWNMAN_PACKAGE_CONCURRENCY": RUNS_AT_ONCE})
    with (
        Source() as source,
        Source(tls=server_context(expired_certificate(folder))) as expired,
        MailServer(parts.smtp_port) as mails,
        parts,
    ):
        scene = Scene(parts, mails, source, expired)
        with scene.person:
            yield scene


if __name__ == "__main__":
    sys.exit(main())

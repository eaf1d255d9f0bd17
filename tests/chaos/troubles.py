"""The troubles of a chaos run; each leaves everything running again."""

import contextlib
import random
from collections.abc import Callable
from urllib.error import URLError

import psutil

from downman.domain.jobs import Job
from prefect_warm_process.child import NAME as RUN_TITLE
from tests.acceptance.faults.parts import PREFECT, SITE, WORKER, kill, until
from tests.acceptance.faults.scene import Scene

MailServerError = Callable[[Scene, random.Random], None]
TROUBLES: dict[str, MailServerError] = {}
#: Seconds for which something is away or stands still.
AWAY_SECONDS = 4.0


def trouble(make: MailServerError) -> MailServerError:
    """Register a trouble by its name."""
    TROUBLES[make.__name__.replace("_", " ")] = make
    return make


@trouble
def a_run_is_killed(scene: Scene, chance: random.Random) -> None:
    """Kill the process of one run, whichever there is."""
    runs = [process for process in scene.parts.tree(WORKER) if _name(process) == RUN_TITLE.decode()]
    if runs:
        kill([chance.choice(runs)])


@trouble
def a_run_stands_still(scene: Scene, chance: random.Random) -> None:
    """Stop the process of one run for longer than its lease, then let it go on."""
    runs = [process for process in scene.parts.tree(WORKER) if _name(process) == RUN_TITLE.decode()]
    if runs:
        run = chance.choice(runs)
        with contextlib.suppress(psutil.NoSuchProcess):
            run.suspend()
            _wait(2 * AWAY_SECONDS)
            run.resume()


@trouble
def the_worker_is_killed(scene: Scene, _chance: random.Random) -> None:
    """Kill the worker and everything below it, and start another."""
    _restart(scene, WORKER)


@trouble
def the_site_is_killed(scene: Scene, _chance: random.Random) -> None:
    """Kill the site's processes, and start them again."""
    _restart(scene, SITE)


@trouble
def prefects_server_is_killed(scene: Scene, _chance: random.Random) -> None:
    """Kill Prefect's server, and start it again."""
    _restart(scene, PREFECT)


@trouble
def prefects_server_stands_still(scene: Scene, _chance: random.Random) -> None:
    """Stop Prefect's server for a while, so that it hangs."""
    scene.parts.freeze(PREFECT)
    _wait(AWAY_SECONDS)
    scene.parts.thaw(PREFECT)


@trouble
def the_database_is_killed(scene: Scene, _chance: random.Random) -> None:
    """Kill PostgreSQL, and start it again."""
    scene.parts.kill_database()


@trouble
def the_database_is_restarted(scene: Scene, _chance: random.Random) -> None:
    """Restart PostgreSQL."""
    scene.parts.restart_database()


@trouble
def the_mail_server_is_away(scene: Scene, _chance: random.Random) -> None:
    """Take no mails for a while."""
    scene.mails.go_away()
    _wait(AWAY_SECONDS)
    scene.mails.come_back()


@trouble
def a_run_is_asked_for_twice(scene: Scene, chance: random.Random) -> None:
    """Have some order packaged by one more run."""
    numbers = [number for (number,) in scene.parts.query("SELECT id FROM downloads_downloadrequest")]
    if numbers:
        with contextlib.suppress(URLError):
            scene.prefect.start(Job.PACKAGE_REQUEST, request_id=chance.choice(numbers))


@trouble
def a_run_is_cancelled_in_prefect(scene: Scene, chance: random.Random) -> None:
    """Cancel a run that is under way, as in Prefect's pages."""
    held = [str(owner) for (owner,) in scene.parts.query(_HELD)]
    if held:
        with contextlib.suppress(URLError):
            scene.prefect.set_state(chance.choice(held), "CANCELLING")


_HELD = "SELECT lease_owner FROM downloads_downloadrequest WHERE lease_owner != ''"


def _restart(scene: Scene, name: str) -> None:
    scene.parts.kill(name)
    scene.parts.start(name)
    scene.parts.wait_until_ready()


def _wait(seconds: float) -> None:
    """Let some time go by: the subject of those troubles that last."""
    with contextlib.suppress(AssertionError):
        until(lambda: False, seconds=seconds)


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess):
        return str(process.name())
    return ""

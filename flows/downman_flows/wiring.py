"""Where the worker's real parts are put together; nobody else constructs an adapter."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from functools import cache
from typing import ParamSpec, TypeVar

import django

from downman.domain.ports import PackageStorage, Source
from downman_flows.storage.free_space import SpaceRule
from downman_flows.storage.staging import Staging

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """What the steps of packaging work with."""

    sources: Mapping[str, Source]
    staging: Staging
    storage: PackageStorage
    parallel_fetches: int
    parallel_fetches_per_host: int
    #: Bytes that must be free before work starts, in the staging and in the package folder.
    staging_reserve_bytes: int
    package_reserve_bytes: int
    #: Bytes that all packages together may take; 0: as many as fit.
    storage_budget_bytes: int = 0
    #: Whether a thread renews leases; no other thread sees what the transaction of a site's test holds.
    renews_leases: bool = True

    def free_bytes(self, *, stored_bytes: Callable[[], int]) -> int:
        """Return the bytes that one more order may take; negative when there is less than the reserve.

        `stored_bytes` says what all packages take; it is asked only where there is a budget.
        """
        self.staging.make_root()
        rule = SpaceRule(
            storage=self.storage,
            staging_dir=self.staging.root,
            package_reserve_bytes=self.package_reserve_bytes,
            staging_reserve_bytes=self.staging_reserve_bytes,
            storage_budget_bytes=self.storage_budget_bytes,
        )
        return rule.measure(stored_bytes=stored_bytes).free_bytes


@cache
def get_dependencies() -> Dependencies:
    """Make them from the site's settings; once for each process, after Django was set up."""
    return make_dependencies()


def make_dependencies(*, renews_leases: bool = True) -> Dependencies:
    """Make them from the settings as they are now."""
    from downman.settings import app_settings  # noqa: PLC0415
    from downman.sources import load_sources  # noqa: PLC0415
    from downman.storage import current_storage  # noqa: PLC0415

    settings = app_settings()
    return Dependencies(
        sources={name: source.from_settings(settings) for name, source in load_sources().items()},
        staging=Staging(settings.staging_dir),
        storage=current_storage(),
        parallel_fetches=settings.parallel_fetches,
        parallel_fetches_per_host=settings.parallel_fetches_per_host,
        staging_reserve_bytes=settings.staging_reserve_bytes,
        package_reserve_bytes=settings.package_reserve_bytes,
        storage_budget_bytes=settings.storage_budget_bytes,
        renews_leases=renews_leases,
    )


async def run_in_django(
    work: Callable[Arguments, Result], *arguments: Arguments.args, **options: Arguments.kwargs
) -> Result:
    """Run blocking work in a thread in which Django is set up, and leave no database connection behind.

    The thread does not hold up the end of its process: a run that is cancelled ends at once, and leaves behind what a
    killed one would (every step may run twice).
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            django.setup()
            from django.db import connections  # noqa: PLC0415 - Django must be set up first

            try:
                result = work(*arguments, **options)
            finally:
                connections.close_all()
        except BaseException as exc:  # noqa: BLE001 - the edge of this thread: whoever waits gets it
            outcome.set_exception(exc)
        else:
            outcome.set_result(result)

    threading.Thread(target=copy_context().run, args=(run,), name="site", daemon=True).start()
    return await asyncio.wrap_future(outcome)

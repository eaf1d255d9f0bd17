"""For the tests of a site: orders that are packaged at once in the test's process, and a trigger that remembers.

Both work inside the transaction of Django's `TestCase` and of pytest-django's `db`. No Prefect server is needed.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from django.test.utils import TestContextDecorator

from downman.domain.jobs import Job
from downman.models import DownloadRequest, Notice
from downman.services import dispatch
from downman.services.mails import Mail, compose


class RequestedRun(NamedTuple):
    """A run for which Prefect would have been asked."""

    job: Job
    key: str
    at: datetime | None
    request_id: int | None


class RecordingTrigger:
    """Remembers which runs were requested, and starts none; name it in `DOWNLOADS_TRIGGER`, or use `isolated`.

    Runs are requested when a transaction is committed, which it never is within a `TestCase`: place the order within
    `self.captureOnCommitCallbacks(execute=True)`, or pytest-django's `django_capture_on_commit_callbacks`.
    """

    #: Whether runs are requested in a thread of their own; it would not see what a test's transaction holds.
    in_background = False
    #: All that were requested; `isolated` begins with none.
    requested: ClassVar[list[RequestedRun]] = []

    def __init__(self, **_options: Any) -> None:
        """Take the same options as the one that asks Prefect."""

    def start(self, job: Job, *, key: str, at: datetime | None = None, request_id: int | None = None) -> str:
        """Remember it; the same `key` gives the same run."""
        self.requested.append(RequestedRun(job, key, at, request_id))
        return str(uuid.uuid5(uuid.NAMESPACE_OID, key))

    def live(self, run_ids: Sequence[str]) -> frozenset[str]:
        """Return all of them: none has ended."""
        return frozenset(run_ids)


class _Isolated(override_settings):
    """Forgets at each beginning what was requested before, also what is not asked of Prefect a second time."""

    def enable(self) -> None:
        """Begin: around a block, a function or each test of a class."""
        RecordingTrigger.requested.clear()
        dispatch.forget_windows()
        super().enable()

    def decorate_class(self, cls: type) -> type:
        """Hold for the class, as Django's own, and begin anew for each of its tests."""
        return TestContextDecorator.decorate_class(self, super().decorate_class(cls))


def isolated(folder: Path) -> override_settings:
    """Return settings for a test: packages and staging in a folder of its own, a trigger that remembers.

    Use it with `with`, or as a decorator.
    """
    return _Isolated(
        DOWNLOADS_TRIGGER=f"{__name__}.{RecordingTrigger.__name__}",
        DOWNLOADS_PACKAGE_DIR=folder / "packages",
        DOWNLOADS_STAGING_DIR=folder / "staging",
    )


def package_order(order: DownloadRequest) -> DownloadRequest:
    """Do in this process, now, what a worker's run would do for an order, and return the order as it is then.

    Its parts are really fetched, and its package is really made; what may be tried again later is not. Raises
    `ImproperlyConfigured` where the worker's packages are not installed.
    """
    try:
        # By their names: the site does not depend on the flows.
        run = import_module("downman_flows.runs.packaging_run")
        wiring = import_module("downman_flows.wiring")
    except ImportError as exc:
        raise ImproperlyConfigured(
            f"Orders are packaged with what workers need ({exc}): pip install 'downman[worker]'"
        ) from exc
    dependencies = wiring.make_dependencies(renews_leases=False)
    run.package_request(order.pk, owner=str(uuid.uuid4()), dependencies=dependencies)
    return DownloadRequest.objects.get(pk=order.pk)


def compose_mails(order: DownloadRequest) -> list[Mail]:
    """Return the e-mails that an order owes, as they would be sent now, oldest first; none is sent."""
    return [compose(notice) for notice in Notice.objects.filter(request=order).order_by("pk")]

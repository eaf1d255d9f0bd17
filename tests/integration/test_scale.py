"""A hundred thousand orders: whatever people and jobs do is found by an index, and each query takes 20 ms at most.

The rows are made once for this module, by the database itself. Each query that the work sends is explained just
before it, in a transaction that is rolled back.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from downman.models import DownloadLink, DownloadRequest, Resource
from downman.services import extending, leases, notices, recovery, retention, tracking
from tests.integration.orders import order

BIG = tuple(
    f"downloads_{name}" for name in ("downloadrequest", "resourcelocator", "downloadlink", "notice", "requestevent")
)
LONGEST_MS = 20.0
PLENTY = 10**15

#: The numbers of those orders, and of their links, that can be taken.
TAKEABLE = range(97197, 99197)
#: 97,196 orders that are over, 2,000 that can be taken, 500 that wait, 300 that wait longer, 4 that are worked on.
ROWS = """
CREATE TEMPORARY TABLE made AS SELECT n, CASE
        WHEN n > 99996 THEN 'packaging' WHEN n > 99696 THEN 'retrying' WHEN n > 99196 THEN 'queued'
        WHEN n > 97196 THEN 'ready' WHEN n % 10 = 0 THEN 'failed' WHEN n % 10 = 1 THEN 'cancelled' ELSE 'expired'
    END AS state, now() - (100000 - n) * interval '4 minutes' AS at FROM generate_series(1, 100000) AS n;

INSERT INTO downloads_downloadrequest (id, number, public_id, email, language, raw_order, status, created_at,
    updated_at, cancelled_at, attempt, due_at, run_id, lease_owner, lease_until, reserved_bytes)
SELECT n, lpad(n::text, 9, '0'), gen_random_uuid(), 'person' || n % 5000 || '@example.org', 'en', '{}',
    CASE state WHEN 'retrying' THEN 'queued' ELSE state END, at, at + n % 60 * interval '1 hour',
    CASE state WHEN 'cancelled' THEN at END, 1,
    CASE state WHEN 'queued' THEN at WHEN 'retrying' THEN now() + n % 300 * interval '1 minute' END, NULL,
    CASE state WHEN 'packaging' THEN 'run-' || n ELSE '' END,
    CASE state WHEN 'packaging' THEN now() + interval '1 hour' END, CASE state WHEN 'packaging' THEN 1000 ELSE 0 END
FROM made;

INSERT INTO downloads_downloadlink (id, token, request_id, delivery, name, target, size, sha256, status, created_at,
    updated_at, expires_at, deleted_at, download_count)
SELECT n, 'token-' || n, n, 'package', 'a.zip', n || '/1/a.zip', 1000, repeat('0', 64),
    CASE state WHEN 'ready' THEN 'active' ELSE 'expired' END, at, at,
    CASE state WHEN 'ready' THEN now() + interval '3 days' + n % 80 * interval '1 hour' ELSE at + interval '7 days' END,
    CASE state WHEN 'expired' THEN at + interval '7 days' END, n % 3
FROM made WHERE state IN ('ready', 'expired');

INSERT INTO downloads_resourcelocator (request_id, position, resource_id, format, crs, status, approval, error_code,
    error_details, attempts, failures, decision_note, retry_at, bytes_done, bytes_total, link_id, updated_at)
SELECT n, place, 'r' || place, '', '', CASE state WHEN 'ready' THEN 'delivered' WHEN 'expired' THEN 'delivered'
    WHEN 'packaging' THEN 'fetching' ELSE state END, 'not_required',
    CASE state WHEN 'failed' THEN 'source-missing' ELSE '' END, '{}', 1, 0, '',
    CASE state WHEN 'retrying' THEN now() + n % 300 * interval '1 minute' END, 500, 1000,
    CASE WHEN state IN ('ready', 'expired') THEN n END, at
FROM made, generate_series(0, n % 3) AS place;

INSERT INTO downloads_notice (message_key, request_id, kind, fact, recipient, language, status, attempts, created_at,
    updated_at, due_at, sent_at, last_error)
SELECT gen_random_uuid(), n, kind, 'order', 'person' || n % 5000 || '@example.org', 'en',
    CASE WHEN n > 99960 THEN 'pending' WHEN n > 99900 THEN 'retrying' ELSE 'sent' END, 1, at, at, at, at, ''
FROM made, unnest(ARRAY['received', 'ready']) AS kind;

INSERT INTO downloads_requestevent (request_id, locator_id, from_status, to_status, at, reason, actor)
SELECT request_id, id, '', 'queued', updated_at, 'ordered', 'requester' FROM downloads_resourcelocator
UNION ALL SELECT n, NULL, move[1], move[2], at, '', 'run-1'
FROM made, LATERAL (VALUES (ARRAY['queued', 'packaging']), (ARRAY['packaging', state])) AS moves(move);

SELECT setval(pg_get_serial_sequence('downloads_downloadrequest', 'id'), 100000),
    setval(pg_get_serial_sequence('downloads_downloadlink', 'id'), 100000);
DROP TABLE made;
"""


@pytest.fixture(scope="module")
def _many(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Make the rows without a look at each foreign key, and do what PostgreSQL does by itself after a while."""
    tables = ", ".join(BIG)
    with django_db_blocker.unblock():
        try:
            for place in range(3):
                Resource.objects.create(id=f"r{place}", title="Roads", source="http", url="http://127.0.0.1/x")
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL session_replication_role = replica")
                cursor.execute(ROWS)
            with connection.cursor() as cursor:
                cursor.execute(f"VACUUM (ANALYZE) {tables}")
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"TRUNCATE {tables} CASCADE")
            Resource.objects.all().delete()


def first(status: str) -> DownloadRequest:
    return DownloadRequest.objects.filter(status=status).earliest("pk")


def place_an_order() -> None:
    order("r0", "r1", "r2")


def track() -> None:
    for status in ("queued", "ready", "expired"):
        tracking.track(first(status))


def ask_the_api() -> None:
    for status in ("queued", "ready", "expired"):
        Client().get(f"/downloads/api/requests/{first(status).public_id}/")


def clean_with_nothing_due() -> None:
    assert retention.clean_expired() == retention.CleanupResult()


def clean_with_20_links_due() -> None:
    DownloadLink.objects.filter(pk__in=TAKEABLE[:20]).update(expires_at=timezone.now())
    assert retention.clean_expired().expired == 20


def clean_with_20_links_to_warn_of() -> None:
    DownloadLink.objects.filter(pk__in=TAKEABLE[:20]).update(expires_at=timezone.now() + timedelta(hours=1))
    assert retention.clean_expired().warned == 20


def recover() -> None:
    DownloadRequest.objects.filter(status="packaging").update(lease_until=timezone.now() - timedelta(seconds=1))
    assert len(recovery.recover_stalled().lost) == 4


def take_mails() -> None:
    for notice in notices.claim_due(50):
        notices.mark_sent(notice)


def claim() -> None:
    assert isinstance(leases.claim(first("queued").pk, owner="run", free_bytes=PLENTY), leases.Claim)


def extend() -> None:
    extending.extend(first("ready").pk, actor="requester")


def look_at_the_list() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    assert client.get("/admin/downloads/downloadrequest/").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "work",
    [
        place_an_order,
        track,
        ask_the_api,
        clean_with_nothing_due,
        clean_with_20_links_due,
        clean_with_20_links_to_warn_of,
        recover,
        take_mails,
        claim,
        extend,
        look_at_the_list,
    ],
    ids=lambda work: work.__name__,
)
def test_it_costs_by_what_it_does_not_by_what_is_kept(_many: None, work: Callable[[], None]) -> None:  # noqa: PT019 - its value is not needed, its order is
    watch = TransferWatchdog()
    with connection.execute_wrapper(watch):
        work()
    assert watch.complaints == []


class TransferWatchdog:
    """Has each query explained, where it stands in the work; one of each form."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._seen: set[str] = set()

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's order
        if sql.startswith(("SELECT", "UPDATE", "DELETE")) and sql not in self._seen:
            self._seen.add(sql)
            self.complaints += complaints(sql, params)
        return execute(sql, params, many, context)


def complaints(sql: str, params: Any) -> list[str]:
    """Say what is wrong with the plan of a query."""
    plans = [explained(sql, params) for _ in range(3)]
    fastest = min(plan["Execution Time"] for plan in plans)
    scanned = [node["Relation Name"] for node in nodes(plans[0]["Plan"]) if node["Node Type"] == "Seq Scan"]
    found = [f"all of {table} is read: {sql} {params}" for table in scanned if table in BIG]
    return [*found, f"{fastest} ms: {sql} {params}"] if fastest > LONGEST_MS else found


def explained(sql: str, params: Any) -> dict[str, Any]:
    """Let the database do it and tell how; what it did is undone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
        plan: dict[str, Any] = cursor.fetchone()[0][0]
        transaction.set_rollback(True)
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)

"""The demo's worker, from outside: its runs in Prefect, and what a stop does to orders."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.demo import DemoProcess
from tests.acceptance.portal import Portal
from tests.servers import Source


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    with Source() as running:
        yield running


def offer(portal: Portal, name: str, url: str) -> None:
    portal.offer({"id": name, "title": name, "source": "http", "url": url})


def get_runs(demo: DemoProcess, flow: str) -> list[Any]:
    """Return the runs of a flow, the newest first."""
    body = {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_DESC", "limit": 200}
    return list(demo.ask_prefect("POST", "/flow_runs/filter", body))


def under_way(portal: Portal, order_id: str) -> dict[str, Any]:
    """Wait until bytes of an order come in."""
    return portal.wait(order_id, lambda order: order["progress"]["bytes_done"] > 0)


def test_the_pool_is_warm_and_preloads_the_flows(demo: DemoProcess) -> None:
    pool = demo.ask_prefect("GET", "/work_pools/downman")
    assert pool["type"] == "warm-process"
    assert pool["base_job_template"]["variables"]["properties"]["preload"]["default"] == ["downman_flows.preload:load"]
    assert "Not preloaded" not in (demo.home / "log" / "worker.log").read_text()


def test_orders_placed_together_share_the_runs_that_mail(demo: DemoProcess, portal: Portal, source: Source) -> None:
    offer(portal, "together", source.url("plain/together.bin"))
    before = len(get_runs(demo, "send-notices"))
    orders = [portal.order("together") for _ in range(12)]
    for order_id in orders:
        assert portal.wait(order_id)["status"] == "ready"
        portal.mails(order_id, 2)
    assert len(get_runs(demo, "send-notices")) - before < len(orders)


def test_a_run_cancelled_in_prefect_ends_within_two_seconds_though_its_source_does_not_answer(
    demo: DemoProcess, portal: Portal, source: Source
) -> None:
    offer(portal, "slow", source.url("slow/x"))
    order_id = portal.order("slow")
    under_way(portal, order_id)
    run = next(run for run in get_runs(demo, "package-request") if run["state_type"] == "RUNNING")
    began = time.monotonic()
    state = {"type": "CANCELLING", "name": "Cancelling"}
    demo.ask_prefect("POST", f"/flow_runs/{run['id']}/set_state", {"state": state, "force": False})
    ended = portal.poll(
        lambda: demo.ask_prefect("GET", f"/flow_runs/{run['id']}"), lambda now: now["state_type"] == "CANCELLED"
    )
    assert time.monotonic() - began < 2, ended
    # The order is another matter: its owner cancels that.
    portal.http.post(f"/downloads/api/requests/{order_id}/cancel/").raise_for_status()
    assert portal.look(order_id)["status"] == "cancelled"


def test_an_order_under_way_when_the_demo_stops_goes_on_with_the_next_start(tmp_path: Path, source: Source) -> None:
    demo = DemoProcess(tmp_path / "home")
    with demo, Portal(demo) as portal:
        offer(portal, "slow", source.url("slow/x"))
        order_id = portal.order("slow")
        under_way(portal, order_id)
        (run,) = get_runs(demo, "package-request")
    with demo, Portal(demo) as portal:
        began = time.monotonic()
        (again,) = portal.poll(
            lambda: get_runs(demo, "package-request"), lambda runs: [run["run_count"] for run in runs] == [2]
        )
        # Neither the lease nor the look for stalled orders had to end: the run itself was handed on.
        assert time.monotonic() - began < 30
        assert again["id"] == run["id"]
        assert portal.look(order_id)["status"] == "packaging"

"""The main job, from outside: real processes, PostgreSQL, Prefect, SMTP and HTTP."""

import hashlib
import json
import subprocess
import time
from pathlib import Path

from downman_site import portal as demo_portal
from tests.acceptance.demo import DemoProcess
from tests.acceptance.portal import Portal, text_of

DATA = Path(demo_portal.__file__).parent / "data"


def test_two_resources_arrive_whole_with_their_mails_and_runs(portal: Portal, demo: DemoProcess) -> None:
    began = time.monotonic()
    order_id = portal.order("countries", {"resource": "jacksboro-dem"}, language="es")
    assert time.monotonic() - began < 0.5
    order = portal.wait(order_id)
    assert order["status"] == "ready"
    assert order["progress"]["percent"] == 100

    package = portal.take(order)
    assert sorted(package.names) == ["countries.geojson", "jacksboro_dem.asc", "jacksboro_dem.prj", "manifest.json"]
    for name in set(package.names) - {"manifest.json"}:
        assert package.read(name) == (DATA / name).read_bytes()
    (link,) = order["links"]
    assert (link["sha256"], link["size"]) == (hashlib.sha256(package.data).hexdigest(), len(package.data))

    assert order_id not in json.dumps(package.manifest)
    assert package.manifest["left_out"] == []
    for file in package.manifest["files"]:
        data = package.read(file["name"])
        assert (file["size"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert file["completeness_proof"]
        assert file["licence"].startswith("Public domain")

    received, ready = portal.mails(order_id, 2)
    assert [mail["To"] for mail in (received, ready)] == ["ana@example.org"] * 2
    assert order["tracking_url"] in text_of(received)
    for kind in ("plain", "html"):
        assert link["url"] in text_of(ready, kind)
    assert "Consulte su pedido" in text_of(ready)
    assert ready.get_content_type() == "multipart/alternative"

    links = {"artifacts": {"type": {"any_": ["markdown"]}}}
    (in_admin,) = [
        item
        for item in demo.ask_prefect("POST", "/artifacts/filter", links)
        if f"Order {order['number']}" in item["data"]
    ]
    assert "/admin/downloads/downloadrequest/" in in_admin["data"]
    run = demo.ask_prefect("GET", f"/flow_runs/{in_admin['flow_run_id']}")
    assert run["state"]["message"] == "Ready: 2 of 2 resources delivered."
    assert list(run["parameters"]) == ["request_id"]
    of_run = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}, "type": {"any_": ["table"]}}}
    (table,) = demo.ask_prefect("POST", "/artifacts/filter", of_run)
    assert [row["status"] for row in json.loads(table["data"])] == ["delivered", "delivered"]
    assert order_id not in json.dumps([run, table, in_admin])
    portal.wait_until_nothing_is_staged()


def test_a_broken_download_goes_on_where_it_broke(portal: Portal, tmp_path: Path) -> None:
    order = portal.wait(portal.order("countries"))
    link = order["links"][0]
    whole = portal.http.get(link["url"]).content
    half = tmp_path / link["name"]
    half.write_bytes(whole[: len(whole) // 2])
    subprocess.run(["curl", "-fsS", "-C", "-", "-o", half, link["url"]], check=True)
    assert half.read_bytes() == whole
    head = portal.http.head(link["url"])
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(len(whole)), b"")
    token = link["url"].split("/")[-2]
    counted = portal.shell(
        f"from downman.models import DownloadLink; print(DownloadLink.objects.get(token={token!r}).download_count)"
    )
    assert counted.strip() == "1"


def test_a_cancelled_order_ends_and_its_link_too(portal: Portal) -> None:
    order = portal.wait(portal.order("countries"))
    answer = portal.http.post(f"/downloads/api/requests/{order['id']}/cancel/")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    gone = portal.http.get(order["links"][0]["url"])
    assert gone.status_code == 410
    assert "cancelled" in gone.text


def test_an_expired_package_is_deleted_and_its_link_says_so(portal: Portal, demo: DemoProcess) -> None:
    order = portal.wait(portal.order("countries-table"))
    token = order["links"][0]["url"].split("/")[-2]
    target = portal.shell(
        "from django.utils import timezone; from downman.models import DownloadLink; "
        f"links = DownloadLink.objects.filter(token={token!r}); links.update(expires_at=timezone.now()); "
        "print(links.get().target)"
    ).strip()
    package = demo.home / "packages" / target
    assert package.stat().st_mode & 0o777 == 0o440
    gone = portal.http.get(order["links"][0]["url"])
    assert gone.status_code == 410
    assert "expired" in gone.text

    deployment = demo.ask_prefect("GET", "/deployments/name/clean-expired/clean-expired")
    demo.ask_prefect("POST", f"/deployments/{deployment['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
    portal.poll(package.exists, lambda there: not there)
    assert portal.look(order["id"])["status"] == "expired"


def test_direct_links_where_the_administrator_wants_no_packages(portal: Portal) -> None:
    policy = "from downman.models import PolicyRecord; "
    portal.shell(policy + "PolicyRecord.objects.update_or_create(pk=1, defaults={'behaviour': 'NEVER'})")
    try:
        order = portal.wait(portal.order("countries", "jacksboro-dem"))
    finally:
        portal.shell(policy + "PolicyRecord.objects.all().delete()")
    assert order["status"] == "ready"
    assert sorted(link["name"] for link in order["links"]) == [
        "countries.geojson",
        "jacksboro_dem.asc",
        "jacksboro_dem.prj",
    ]
    for link in order["links"]:
        assert portal.http.get(link["url"], follow_redirects=True).content == (DATA / link["name"]).read_bytes()

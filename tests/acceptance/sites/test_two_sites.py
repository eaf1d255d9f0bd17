"""Two sites on one Prefect server, each with a work pool of its own: neither touches what is the other's."""

import json
from typing import Any

from downman.domain.jobs import AutomationName, Job, PrefectNames
from downman.prefect_api import PrefectApi
from tests.acceptance.sites.made_site import MadeSite
from tests.acceptance.sites.own_packages import POOL

SECOND, FIRST = PrefectNames(POOL), PrefectNames()


def read_objects(api: PrefectApi, names: PrefectNames) -> dict[str, Any]:
    """Return what a site has in Prefect, as far as the bootstrap makes it."""
    pool = api.ask("GET", f"work_pools/{names.pool}")
    queues = api.ask("POST", f"work_pools/{names.pool}/queues/filter", {"limit": 200})
    deployments = api.ask("POST", "deployments/filter", {"work_pools": {"name": {"any_": [names.pool]}}})
    automations = [names.to_automation(name) for name in AutomationName]
    block_type = "block_types/slug/email-server-credentials/block_documents/name"
    # What is new with every poll or run is left out.
    return {
        "pool": (pool["id"], pool["type"], pool["base_job_template"]),
        "queues": {queue["name"]: (queue["id"], queue["concurrency_limit"], queue["priority"]) for queue in queues},
        "deployments": {
            item["name"]: (item["id"], item["entrypoint"], [schedule["slug"] for schedule in item["schedules"]])
            for item in deployments
            if names.tag in item["tags"]
        },
        "automations": {
            item["name"]: (item["id"], item["trigger"], item["actions"])
            for item in api.ask("POST", "automations/filter", {"automations": {"name": {"any_": automations}}})
        },
        "block": api.ask("GET", f"{block_type}/{names.mail_block}?include_secrets=true")["data"],
    }


def test_both_deliver(howto_site: MadeSite, second_site: MadeSite) -> None:
    # Both at the same moment, with the same numbers in their databases.
    orders = [(site, site.order()) for site in (howto_site, second_site)]
    for site, order in orders:
        assert "manifest.json" in site.wait_for_package(order)
    for site in (howto_site, second_site):
        site.wait_for_mail(".zip")
        assert not [mail for mail in site.mails() if f":{site.port}/" not in mail]


def test_bootstrap_leaves_what_is_the_other_sites(howto_site: MadeSite, second_site: MadeSite, api: PrefectApi) -> None:
    before = {names: read_objects(api, names) for names in (FIRST, SECOND)}
    assert {*before[FIRST]["deployments"]} == {*Job}
    assert {*before[SECOND]["deployments"]} == {f"{POOL}-{job}" for job in Job}
    assert len(before[FIRST]["automations"]) == len(before[SECOND]["automations"]) == len(AutomationName)
    assert before[FIRST]["block"] != before[SECOND]["block"]
    # What is in Prefect and not in the file is retired; all of the other site's would be that.
    said = second_site.run("downman bootstrap") + howto_site.run("downman bootstrap")
    assert "retired" not in said
    assert {names: read_objects(api, names) for names in (FIRST, SECOND)} == before
    for site in (howto_site, second_site):
        # Exit status 0: nothing differs from the settings of the site.
        site.run("downman bootstrap --show")


def test_each_ones_doctor_is_content_and_sees_its_own_workers(howto_site: MadeSite, second_site: MadeSite) -> None:
    for site, pool in ((howto_site, "downman"), (second_site, POOL)):

        def is_well(site: MadeSite = site) -> Any:
            found = json.loads(site.typed("downman doctor --json").stdout)["findings"]
            return None if any(row["state"] == "wrong" for row in found) else {row["part"]: row for row in found}

        found = site.until(is_well)
        assert found["work pool"]["found"].startswith(f"{pool},")
        assert found["workers"]["found"].startswith("1 online")


def test_what_waits_at_one_is_neither_shown_nor_purged_by_the_other(
    howto_site: MadeSite, second_site: MadeSite
) -> None:
    second_site.programs.pop("worker").stop()
    order = second_site.order()

    def waiting(site: MadeSite) -> list[str]:
        rows = json.loads(site.run("downman scheduled --queue package --json"))["scheduled"]
        return [row["run"] for row in rows]

    (run,) = second_site.until(lambda: waiting(second_site), "site")
    assert waiting(howto_site) == []
    for command in ("active", "reserved", "revoked"):
        assert run not in howto_site.run(f"downman {command} --json")
    howto_site.run("downman purge --yes")
    assert waiting(second_site) == [run]
    second_site.start("worker", "downman service worker")
    assert "manifest.json" in second_site.wait_for_package(order)


def test_a_worker_that_was_started_without_the_sites_settings_is_found(
    howto_site: MadeSite, second_site: MadeSite
) -> None:
    second_site.programs.pop("worker").stop()
    connection = {"PREFECT_API_URL": second_site.prefect.api_url, "PREFECT_API_AUTH_STRING": second_site.prefect.login}
    bare = second_site.start("bare", f"prefect worker start --pool {POOL} --type warm-process", **connection)
    second_site.until(lambda: "started!" in bare.said(), "bare")
    for _ in range(2):
        second_site.run(f"downman prefect deployment run {Job.SWEEP_ORPHANS}/{POOL}-{Job.SWEEP_ORPHANS}")

    def failing(site: MadeSite = second_site) -> Any:
        found = json.loads(site.typed("downman doctor --json").stdout)["findings"]
        return [row for row in found if row["part"] == f"job {Job.SWEEP_ORPHANS}" and row["state"] == "wrong"]

    (row,) = second_site.until(failing, "bare")
    assert "DJANGO_SETTINGS_MODULE" in row["found"]
    assert failing(howto_site) == []
    second_site.programs.pop("bare").stop()
    second_site.start("worker", "downman service worker")
    second_site.until(lambda: "started!" in second_site.programs["worker"].said())

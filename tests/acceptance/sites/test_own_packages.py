"""A site whose own packages are called `flows` and `deployments` runs with downman, and its flows beside downman's."""

from typing import Any

from downman.prefect_api import PrefectApi
from tests.acceptance.sites.made_site import MadeSite
from tests.acceptance.sites.own_packages import OWN_FLOW


def test_its_flows_and_downmans_run_in_one_worker(second_site: MadeSite, api: PrefectApi) -> None:
    second_site.run("downman prefect --no-prompt deploy --all")
    # What is the site's own is not touched by it.
    assert "retired" not in second_site.run("downman bootstrap")
    second_site.run(f"downman prefect deployment run {OWN_FLOW}/nightly")
    order = second_site.order()

    def own() -> Any:
        runs = api.ask("POST", "flow_runs/filter", {"flows": {"name": {"any_": [OWN_FLOW]}}})
        return [run["state"] for run in runs if run["state_type"] in {"COMPLETED", "FAILED", "CRASHED"}]

    (state,) = second_site.until(own)
    assert (state["type"], state["message"]) == ("COMPLETED", f"https://portal.example.org {second_site.folder}")
    assert "manifest.json" in second_site.wait_for_package(order)
    said = second_site.programs["worker"].said()
    assert "zygote" not in said.replace("Zygote ready", ""), "no run was started without one"

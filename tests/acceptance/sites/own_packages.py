"""What makes a second site: a work pool of its own, and packages called `flows` and `deployments`."""

from collections.abc import Mapping

POOL = "second"
OWN_FLOW = "count-orders"
SETTINGS = f"""
from deployments.names import PORTAL
DOWNLOADS_POOL = "{POOL}"
assert PORTAL == "https://portal.example.org"
"""
FILES: Mapping[str, str] = {
    "deployments/__init__.py": "",
    "deployments/names.py": 'PORTAL = "https://portal.example.org"\n',
    "flows/__init__.py": "",
    "flows/nightly.py": f"""
        from pathlib import Path
        from prefect import flow
        from prefect.states import Completed
        import deployments
        import flows
        from deployments.names import PORTAL

        @flow(name="{OWN_FLOW}", persist_result=False)
        def count_orders():
            homes = {{Path(package.__file__).parents[1] for package in (flows, deployments)}}
            return Completed(message=f"{{PORTAL}} {{','.join(map(str, homes))}}")
        """,
    "prefect.yaml": f"""
        name: portal
        pull: []
        deployments:
          - name: nightly
            entrypoint: flows.nightly.count_orders
            work_pool: {{name: {POOL}}}
        """,
}

"""What a worker's zygote loads before its children need it."""

import json
import os
import subprocess
import sys

from downman_ops.launch.embedded_database import EmbeddedDatabase

PROGRAM = """
import json, sys
from prefect_warm_process.preloading import ENGINE, Preloading
preloading = Preloading()
failed = preloading.load([*ENGINE, "downman_flows.preload:load"])
loaded = set(sys.modules)
import downman_flows.runs.packaging_run, downman_flows.runs.sending, downman_flows.maintenance, downman.api
print(json.dumps([failed, preloading.unsafe_to_fork(), sorted(set(sys.modules) - loaded)]))
"""


def test_it_loads_the_flows_and_the_site_without_a_thread_or_a_connection(postgres: EmbeddedDatabase) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "downman_site.settings",
        "DOWNMAN_DATABASE_URL": postgres.url("postgres"),
        "DOWNMAN_SECRET_KEY": "only-for-tests",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    failed, unsafe, late = json.loads(done.stdout.splitlines()[-1])
    assert failed == []
    assert unsafe == ""
    assert late == []

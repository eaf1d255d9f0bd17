"""The tests of downman; what they share with those of the worker type lies with that."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "deployments" / "prefect_warm_process" / "tests"))

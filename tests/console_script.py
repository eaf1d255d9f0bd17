"""The console script `downman` of the environment that runs the tests."""

import sys
from pathlib import Path

DOWNMAN = str(Path(sys.executable).with_name("downman"))

"""Where `prefect.yaml` lies, which alone says what runs in Prefect under which name, on which queue, and when."""

import sys
from pathlib import Path

_IN_CHECKOUT = Path(__file__).parents[3] / "prefect.yaml"
_FROM_WHEEL = Path(sys.prefix) / "share" / "downman" / "prefect.yaml"


def prefect_file() -> Path:
    """Return the file of this installation: a checkout's own, or the one that the wheel brought."""
    return _IN_CHECKOUT if _IN_CHECKOUT.exists() else _FROM_WHEEL

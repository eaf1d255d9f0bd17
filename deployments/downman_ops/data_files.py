"""Where downman's files are that are not code: `prefect.yaml`, and those for systemd, nginx and Prometheus.

A wheel carries them as data of this package. In a checkout they stand where people look for them, so an editable
install finds them there. Nobody else knows these places.
"""

from importlib.resources import files
from pathlib import Path

#: The folders, by their names; beside them is `prefect.yaml`.
FOLDERS = ("nginx", "prometheus", "systemd")
_PACKAGE = Path(str(files("downman_ops")))
_FROM_WHEEL = _PACKAGE / "data"


def checkout() -> Path | None:
    """Return the folder of the checkout that this runs from, if it does."""
    return None if _FROM_WHEEL.is_dir() else _PACKAGE.parents[1]


def data_file(name: str) -> Path:
    """Return a file or folder by its name: `prefect.yaml`, `systemd`, `nginx/downman.conf`, `prometheus/alerts.yml`."""
    root = checkout()
    if root is None:
        return _FROM_WHEEL / name
    return root / name if name == "prefect.yaml" else root / "deployments" / name

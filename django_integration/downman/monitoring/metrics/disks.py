"""The disks of packages and of staging, where this process sees them."""

import shutil

from downman.monitoring.metrics.samples import Gauge, Sample
from downman.settings import AppSettings

FREE = Gauge(
    name="disk_free_bytes",
    labels=("folder",),
    meaning="Bytes that are free on the disk of the package folder (packages) and of the staging folder (staging; "
    "missing where the site's machine has none)",
)
SIZE = Gauge(name="disk_size_bytes", labels=("folder",), meaning="Bytes of those disks, free or not")
GAUGES = (FREE, SIZE)


def read_samples(settings: AppSettings) -> list[Sample]:
    """Return the samples of disks. Raises `OSError` when there is no package folder."""
    folders = {"packages": settings.package_dir}
    if settings.staging_dir.is_dir():
        folders["staging"] = settings.staging_dir
    usage = {label: shutil.disk_usage(folder) for label, folder in folders.items()}
    return [
        sample for label, disk in usage.items() for sample in (FREE.of(disk.free, label), SIZE.of(disk.total, label))
    ]

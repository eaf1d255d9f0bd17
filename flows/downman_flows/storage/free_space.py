"""How many bytes one more order may take: the rule of the workers, and of the doctor."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from downman.domain.ports import PackageStorage


class SpaceLimit(Enum):
    """What sets the limit."""

    PACKAGES = "in the package folder"
    STAGING = "in the staging folder"
    SHARED_DISK = "on the disk that packages and staging share"
    BUDGET = "in the storage budget"


@dataclass(frozen=True, kw_only=True)
class FreeSpace:
    """What one more order may take."""

    #: Negative when there is less than the reserve.
    free_bytes: int
    limit: SpaceLimit


@dataclass(frozen=True, kw_only=True)
class SpaceRule:
    """The storage of packages and the staging folder, and what must stay free in them."""

    storage: PackageStorage
    #: Left out where it is not there: the site's machine may have none.
    staging_dir: Path
    package_reserve_bytes: int
    staging_reserve_bytes: int
    #: Bytes that all packages together may take; 0: as many as fit.
    storage_budget_bytes: int = 0

    def measure(self, *, stored_bytes: Callable[[], int]) -> FreeSpace:
        """Return the bytes that one more order may take, and what sets this limit.

        `stored_bytes` returns what all packages take; it is called only where there is a budget.
        """
        in_packages = self.storage.free_bytes()
        free = sys.maxsize if in_packages is None else in_packages - self.package_reserve_bytes
        limit = SpaceLimit.PACKAGES
        if self.staging_dir.is_dir():
            in_staging = shutil.disk_usage(self.staging_dir).free - self.staging_reserve_bytes
            if in_staging < free:
                free, limit = in_staging, SpaceLimit.STAGING
            if self.storage.shares_disk_with(self.staging_dir):
                # What is fetched and the package made of it are there at the same time.
                free, limit = free // 2, SpaceLimit.SHARED_DISK
        if self.storage_budget_bytes:
            in_budget = self.storage_budget_bytes - stored_bytes()
            if in_budget < free:
                free, limit = in_budget, SpaceLimit.BUDGET
        return FreeSpace(free_bytes=free, limit=limit)

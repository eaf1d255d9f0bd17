"""The keys of packages in their storage, and the deletion of those that no link leads to."""

from downman.domain.policy import Delivery
from downman.models import DownloadLink
from downman.services.db_retry import retry_on_disconnect
from downman.storage import current_storage


def package_target(request_id: int, attempt: int, name: str) -> str:
    """Return the key of a package in the storage; each run of each order has its own."""
    return f"{_folder(request_id)}/{attempt:04d}/{name}"


def delete_package(target: str) -> None:
    """Delete a package, if it is there."""
    current_storage().delete(target)


@retry_on_disconnect
def discard_unrecorded(request_id: int, *, keep_attempt: int | None = None) -> int:
    """Delete what lost runs of an order left in the storage without a link; return how many files.

    `keep_attempt` is the run that may be writing now. Costs by this order, not by what else is stored.
    """
    storage = current_storage()
    links = DownloadLink.objects.filter(request_id=request_id, delivery=Delivery.PACKAGE)
    recorded = set(links.values_list("target", flat=True))
    current = None if keep_attempt is None else f"{_folder(request_id)}/{keep_attempt:04d}"
    count = 0
    for file in storage.list(_folder(request_id)):
        if file.key not in recorded and file.key.rpartition("/")[0] != current:
            storage.delete(file.key)
            count += 1
    return count


def _folder(request_id: int) -> str:
    return f"{request_id:010d}"

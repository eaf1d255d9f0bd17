"""What must be true after a chaos run: every order has ended truthfully, and nothing is left behind."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from downman.domain.jobs import ACTIVE_RUN_STATES, Job
from tests.acceptance.faults.scene import Scene, files_below
from tests.acceptance.portal import ENDED
from tests.chaos.customers import Customers
from tests.chaos.plan import expected_end
from tests.servers import DATA

OPEN = "SELECT count(*) FROM downloads_downloadrequest WHERE status NOT IN %s OR lease_owner != ''"
PARTS = (
    "SELECT url FROM downloads_resourcelocator l JOIN downloads_resource r ON r.id = l.resource_id "
    "WHERE request_id = %s ORDER BY position"
)
UNSENT = "SELECT count(*) FROM downloads_notice WHERE status NOT IN ('sent', 'failed')"


def is_over(scene: Scene) -> bool:
    """Return whether every order and every mail has come to its end."""
    ((orders,),) = scene.parts.query(OPEN, tuple(ENDED))
    ((mails,),) = scene.parts.query(UNSENT)
    return not orders and not mails and not _under_way(scene)


def wrong(scene: Scene, customers: Customers) -> Iterator[str]:
    """Return everything that is not as it must be, in sentences."""
    orders = scene.parts.query("SELECT id, public_id::text, status, email FROM downloads_downloadrequest ORDER BY id")
    for number, order_id, _status, recipient in orders:
        for fault in _of_order(scene, customers, number, order_id):
            yield f"Order {number} for {recipient}: {fault}"
        for fault in _of_mails(scene, number, recipient):
            yield f"Order {number} for {recipient}: {fault}"
    yield from _of_files(scene)
    if runs := _under_way(scene):
        yield f"{runs} runs still hold a place of a queue."


def repeated_mails(scene: Scene) -> int:
    """Count the mails that came once more with the Message-ID of an earlier one, which mail programs show as one."""
    seen = Counter(mail.message_id for mail in scene.mails.taken)
    return sum(count - 1 for count in seen.values())


def _of_order(scene: Scene, customers: Customers, number: int, order_id: str) -> Iterator[str]:
    order = scene.person.look(order_id)
    if order["status"] not in ENDED:
        yield f"it has not ended, it is {order['status']}."
        return
    if order_id in customers.cancelled:
        if order["status"] != "cancelled":
            yield f"its owner was told that it is cancelled; it is {order['status']}."
        return
    start = scene.source.url("")
    paths = [url.removeprefix(start) for (url,) in scene.parts.query(PARTS, number)]
    ends = [expected_end(path) for path in paths]
    if order_id in customers.part_cancelled:
        ends[0] = "cancelled"
    found = [part["status"] for part in order["resources"]]
    if found != ends:
        yield f"its parts {paths} ended as {found} instead of {ends}; {[part['error'] for part in order['resources']]}."
    active = [link for link in order["links"] if link["status"] == "active"]
    delivered = sum(_check_package(scene, link) for link in active)
    if delivered != found.count("delivered"):
        yield f"{found.count('delivered')} parts are said to be delivered, its packages hold {delivered}."


def _check_package(scene: Scene, link: dict[str, Any]) -> int:
    """Take a package, hold it to its link and its manifest, and give how many files it has."""
    files = len(scene.person.take({"links": [link]}).names) - 1
    scene.assert_package({"links": [link]}, [DATA] * files)
    return files


def _of_mails(scene: Scene, number: int, recipient: str) -> Iterator[str]:
    notices = scene.parts.query("SELECT kind, status FROM downloads_notice WHERE request_id = %s", number)
    if refused := [kind for kind, status in notices if status != "sent" and not recipient.startswith("refused")]:
        yield f"its mails {refused} were not sent."
    if sent := [kind for kind, status in notices if status == "sent" and recipient.startswith("refused")]:
        yield f"its mails {sent} are said to be sent, to somebody who is not there."
    kinds = Counter(kind for kind, _status in notices)
    if kinds["received"] != 1:
        yield f"it has {kinds['received']} mails that it was received."
    ids = {mail.message_id for mail in scene.mails.to(recipient)}
    orders = scene.parts.query(
        "SELECT count(*) FROM downloads_notice n JOIN downloads_downloadrequest r ON r.id = n.request_id "
        "WHERE r.email = %s AND n.status = 'sent'",
        recipient,
    )
    if len(ids) != orders[0][0]:
        yield f"{orders[0][0]} mails are said to be sent, {len(ids)} different ones came."


def _of_files(scene: Scene) -> Iterator[str]:
    if staged := files_below(scene.parts.folders.staging):
        yield f"{len(staged)} files are left in staging, such as {staged[0]}."
    folder = scene.parts.folders.packages
    found = {path.relative_to(folder).as_posix() for path in files_below(folder)}
    rows = scene.parts.query("SELECT target FROM downloads_downloadlink WHERE deleted_at IS NULL")
    linked = {target for (target,) in rows}
    if orphans := found - linked:
        yield f"{len(orphans)} files are in the package folder to which nothing leads, such as {min(orphans)}."
    if missing := linked - found:
        yield f"{len(missing)} packages are missing, such as {min(missing)}."


def _under_way(scene: Scene) -> int:
    """Count the runs for orders that hold a place of their queue; those of the maintenance come and go."""
    wanted = {
        "flow_runs": {"state": {"type": {"any_": ACTIVE_RUN_STATES}}},
        "deployments": {"name": {"any_": [Job.PACKAGE_REQUEST.value]}},
    }
    return int(scene.parts.ask_prefect("POST", "/flow_runs/count", wanted))

"""What stands in the site's database, seen past the site: also while that is away."""

import itertools
import json
from collections import Counter

from tests.acceptance.faults.parts import Parts

_NUMBERS = itertools.count(1)


class Records:
    """The rows of orders, and a quick way into the catalogue."""

    def __init__(self, parts: Parts) -> None:
        """Use the database of these parts."""
        self._query = parts.query

    def offer(self, url: str) -> str:
        """Put a resource into the catalogue and give its id; a command for each of them would take a second."""
        name = f"resource-{next(_NUMBERS)}"
        self._query(
            "INSERT INTO downloads_resource SELECT (jsonb_populate_record(example, %s::jsonb)).* "
            "FROM downloads_resource example WHERE id = 'countries'",
            json.dumps({"id": name, "title": name, "source": "http", "url": url, "formats": [], "size_bytes": None}),
        )
        return name

    def withdraw(self, url: str) -> None:
        """Take a resource out of the catalogue."""
        self._query("UPDATE downloads_resource SET offered = false WHERE url = %s", url)

    def number_of(self, order_id: str) -> int:
        """Return an order's number."""
        ((number,),) = self._query("SELECT id FROM downloads_downloadrequest WHERE public_id = %s", order_id)
        return int(number)

    def orders_for(self, recipients: str) -> dict[str, str]:
        """Return the recipients of orders by their id, for all recipients like this."""
        return dict(
            self._query("SELECT public_id::text, email FROM downloads_downloadrequest WHERE email LIKE %s", recipients)
        )

    def status(self, number: int) -> str:
        """Return an order's state."""
        ((status,),) = self._query("SELECT status FROM downloads_downloadrequest WHERE id = %s", number)
        return str(status)

    def is_held(self, number: int) -> bool:
        """Return whether a run holds an order, or room for it."""
        held = "lease_owner != '' OR lease_until IS NOT NULL OR reserved_bytes != 0"
        return bool(self._query(f"SELECT id FROM downloads_downloadrequest WHERE id = %s AND ({held})", number))  # noqa: S608 - our own words

    def errors(self, number: int) -> list[str]:
        """Return the code of the error of each part of an order."""
        statement = "SELECT error_code FROM downloads_resourcelocator WHERE request_id = %s ORDER BY position"
        return [str(code) for (code,) in self._query(statement, number)]

    def packages(self, number: int) -> list[str]:
        """Return the places of the packages to which links of an order lead."""
        statement = "SELECT target FROM downloads_downloadlink WHERE request_id = %s ORDER BY target"
        return [str(target) for (target,) in self._query(statement, number)]

    def mails(self, number: int) -> dict[str, str]:
        """Return the state of each mail about an order, by its kind; there is one of each kind."""
        rows = self._query("SELECT kind, status FROM downloads_notice WHERE request_id = %s ORDER BY id", number)
        assert set(Counter(kind for kind, _ in rows).values()) <= {1}, rows
        return dict(rows)

    def mail_tries(self, number: int) -> list[tuple[int, str]]:
        """Say how often each mail about an order was tried, and what the mail server said last."""
        statement = "SELECT attempts, last_error FROM downloads_notice WHERE request_id = %s ORDER BY id"
        return [(int(attempts), str(error)) for attempts, error in self._query(statement, number)]

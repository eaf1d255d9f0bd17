"""Keeps out of logs what only its owner may know."""

import logging
import re

#: The token of a link, or the id in the URL of an order.
_SECRET_PART = re.compile(r"[\w-]{32,}")


class WithoutTokens(logging.Filter):
    """For Django's own messages, which repeat the paths of requests: who has the path of a link has the package."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten such parts of a path; nothing is left out."""
        if record.name.startswith("django.") and isinstance(record.args, tuple):
            record.args = tuple(
                _SECRET_PART.sub("...", item) if isinstance(item, str) else item for item in record.args
            )
        return True

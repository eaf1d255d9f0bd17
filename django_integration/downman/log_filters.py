"""Keeps out of logs what only its owner may know."""

import logging
import re

#: The token of a link, or the id in the URL of an order; percent-encoded too, as a client may write it.
_SECRET_PART = re.compile(r"(?:[\w-]|%[0-9A-Fa-f]{2}){32,}")
#: A key may be in it, of whatever length.
_QUERY = re.compile(r"(?<=[^\s?])\?[^\s\"']+")
#: Who logs the paths of requests: Django, and the servers in front of it.
_LOGS_OF_REQUESTS = ("django.", "gunicorn.", "uvicorn.", "hypercorn.", "daphne.")


class WithoutTokens(logging.Filter):
    """For messages that repeat the paths of requests: who has the path of a link has the package."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten such parts of a path; nothing is left out."""
        if record.name.startswith(_LOGS_OF_REQUESTS):
            record.msg, record.args = without_tokens(record.getMessage()), ()
        return True


def without_tokens(text: str) -> str:
    """Return a text without what looks like a token, and without the queries of addresses."""
    return _SECRET_PART.sub("...", _QUERY.sub("?...", text))

"""Removes secrets from what others have written: messages of runs, which quote whatever went wrong in them."""

import os
import re

from downman_ops.launch.environment import get_all_secret_names

REMOVED = "***"
#: A secret so short is a word like any other, which would be removed from the midst of others.
SHORTEST = 6
_LOGIN_IN_URL = re.compile(r"(?<=://)[^\s/@'\"]+(?=@)")
_NAMED = re.compile(
    r"(?i)\b((?:[\w-]*(?:password|passwd|secret|token|api[_-]?key)|authorization)['\"]?\s*[=:]\s*)"
    r"(?:(?:Basic|Bearer)\s+)?('[^']*'|\"[^\"]*\"|[^\s,;)]+)"
)


def redact(text: str) -> str:
    """Return a text without logins in URLs, without what is called a password or the like, and without our secrets."""
    for name in get_all_secret_names():
        secret = os.environ.get(name, "")
        # Of a login, the password alone would open as much.
        for value in (secret, secret.partition(":")[2] if "://" not in secret else ""):
            if len(value) >= SHORTEST:
                text = text.replace(value, REMOVED)
    return _NAMED.sub(rf"\g<1>{REMOVED}", _LOGIN_IN_URL.sub(REMOVED, text))

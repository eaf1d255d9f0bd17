"""Under which number something is counted, from which nobody learns who it is."""

from django.utils.crypto import salted_hmac


def to_key(who: str) -> int:
    """Make the number of a network, a person or an address, which needs the site's `SECRET_KEY`."""
    digest = salted_hmac("downman.limits", who, algorithm="sha256").digest()
    return int.from_bytes(digest[:8], signed=True)

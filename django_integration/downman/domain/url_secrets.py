"""Which parts of a URL open something, and a URL without them: for manifests, pages, logs and whatever people read.

The names are listed here once; `downman_ops.redaction` uses them for texts that others wrote.
"""

import re
from collections.abc import Collection, Iterator
from itertools import pairwise
from urllib.parse import unquote, unquote_plus, urlsplit, urlunsplit

REMOVED = "***"

#: What is called so is a secret, whatever stands beside it: `access_token`, `X-Amz-Security-Token`, `api_key`.
CLEAR_NAME = r"[\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key)\d*"
#: What is called so is one where it is plainly a name: `key=…`, but not `key: …` in a sentence.
DOUBTFUL_NAME = (
    r"(?:[\w-]*key(?:[_-]?id)?|[\w-]*signature[\w-]*|[\w-]*credentials?|[\w-]*session[_-]?id"
    r"|(?:[\w-]*[_-])?(?:sig|auth|pwd|pass))"
)
#: What besides these opens something in a query: RFC 6749 (`code`), signed URLs of Amazon, Google, Alibaba and Tencent,
#: CloudFront, sessions of Java, PHP and ASP, application ids of map services, and logins.
_IN_QUERIES = (
    r"[\w-]*(?:token|secret|passw|credential|signature|session|hmac)[\w-]*|(?:[\w-]*[_-])?(?:jwt|sas|otp|pin|nonce|ticket)"
    r"|(?:x[_-](?:amz|goog|oss|cos|obs)|q)[_-][\w-]+|googleaccessid|ossaccesskeyid|policy|code|access|bearer|jsession\w*"
    r"|phpsessid|aspsessionid\w*|sid|auth[\w-]*|[\w-]*authorization|app_?(?:id|code)|client_?id|login|user(?:_?name)?"
    r"|hash|h?mac|key[_-]?pair[_-]?id"
)
_SECRET_NAME = re.compile(f"(?i)(?:{CLEAR_NAME}|{DOUBTFUL_NAME}|{_IN_QUERIES})")
#: The query of a signed URL of Azure; but for `sig` they are secrets beside a signature only.
_AZURE = frozenset([
    "sv", "ss", "srt", "st", "se", "sr", "sp", "sip", "spr", "sig", "skoid", "sktid", "skt", "ske", "sks", "skv",
    "saoid", "suoid", "scid", "si", "rscc", "rscd", "rsce", "rscl", "rsct",
])  # fmt: skip
#: What follows such a folder of a path is a secret: `/token/…`, `/s/…` of shared folders is not told apart from others.
_SECRET_FOLDER = re.compile(r"(?i)(?:[\w-]*[_-])?(?:token|secret|api[_-]?key|key|signature|sig|jwt|auth|session|sid)")
_JWT = re.compile(r"eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?")
_HEXADECIMAL = re.compile(r"(?i)[0-9a-f]{32,}")
#: No name is longer; matching takes the square of the length.
_LONGEST_NAME = 100
#: Shorter ones are words, dates and numbers.
_RUN = re.compile(r"[A-Za-z0-9]{16,}")
_IN_PATHS = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])[A-Za-z0-9_-]{20,}")


def without_secrets(url: str, *, keep: Collection[str] = ()) -> str:
    """Return a URL without user, password and fragment, and `***` in place of what looks like a key.

    `keep` are names of the query whose values are shown whatever they look like, without regard to case. Returns an
    empty text for what is no URL.
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
    kept = {name.casefold() for name in keep}
    path = "/".join(_clean_path(parts.path))
    query = "&".join(_clean_query(parts.query, kept))
    return urlunsplit((parts.scheme, host, path, query, ""))


def has_secrets(url: str, *, keep: Collection[str] = ()) -> bool:
    """Return whether a URL opens something that it would not open without what `without_secrets` removes."""
    try:
        whole = urlunsplit(urlsplit(url)._replace(fragment=""))
    except ValueError:
        return True
    return without_secrets(url, keep=keep) != whole


def is_secret_name(name: str) -> bool:
    """Return whether what is called so in the query of a URL opens something."""
    plain = name.strip().removesuffix("[]")
    return len(plain) > _LONGEST_NAME or bool(_SECRET_NAME.fullmatch(plain))


def looks_like_a_key(value: str) -> bool:
    """Return whether a value was made by chance and not by people: a UUID, a hash, a JWT, a random string."""
    if _JWT.search(value) or _HEXADECIMAL.search(value.replace("-", "")):
        return True
    return any(_is_random(run) for run in _RUN.findall(value))


def _clean_path(path: str) -> Iterator[str]:
    """Parameters of a segment go (`;jsessionid=…`), and so do segments that are tokens; ids in hexadecimal stay."""
    former = ""
    for segment in path.split("/"):
        name, *parameters = segment.split(";")
        plain = unquote(name)
        is_secret = bool(name and _SECRET_FOLDER.fullmatch(former)) or bool(_JWT.search(plain))
        is_secret = is_secret or bool(_IN_PATHS.fullmatch(plain) and _is_random(plain))
        shown = [REMOVED if is_secret else name, *(_clean_pair(pair, frozenset()) for pair in parameters)]
        yield ";".join(shown)
        former = plain


def _clean_query(query: str, kept: Collection[str]) -> Iterator[str]:
    if not query:
        return
    pairs = query.split("&")
    names = {_get_name(pair) for pair in pairs}
    hidden = _AZURE if "sig" in names else frozenset()
    for pair in pairs:
        yield ";".join(_clean_pair(item, kept, hidden) for item in pair.split(";"))


def _clean_pair(pair: str, kept: Collection[str], hidden: Collection[str] = ()) -> str:
    raw_name, equals, raw_value = pair.partition("=")
    name, value = _get_name(pair), unquote_plus(raw_value)
    if name in kept:
        return pair
    if not equals:
        return REMOVED if looks_like_a_key(name) else pair
    if is_secret_name(name) or name in hidden or looks_like_a_key(raw_name):
        return f"{raw_name}={REMOVED}" if raw_value else pair
    if "://" in value and has_secrets(value):
        return f"{raw_name}={REMOVED}"
    return f"{raw_name}={REMOVED}" if looks_like_a_key(value) else pair


def _get_name(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0]).strip().casefold()


def _is_random(text: str) -> bool:
    """Return whether letters, capitals and digits follow each other as they do by chance, not as in names and dates."""
    kinds = ["0" if char.isdigit() else "A" if char.isupper() else "a" for char in text if char.isalnum()]
    changes = sum(one != other for one, other in pairwise(kinds))
    return len(set(kinds)) > 1 and changes * 4 >= len(kinds)

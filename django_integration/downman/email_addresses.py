"""E-mail addresses: one spelling of each, whose domain is in ASCII, before anything is stored, compared or sent.

The library `email-validator` holds the syntax (RFC 5321, 5322, 6531) and the domain names (IDNA 2008 with the
non-transitional mapping of UTS 46, so that `straße.example` stays apart from `strasse.example`). What it takes and we
do not: what reads as something else after a mail program has normalised or decoded it, and domains that the Internet
does not know.
"""

import re
import unicodedata
from collections.abc import Collection
from email.utils import parseaddr
from enum import Enum, auto

#: Names below which no domain of the Internet is: RFC 6761, 6762 (with its appendix G), 7686, 8375 and 9476, and
#: `internal`, which ICANN reserved in 2024. RFC 6761 wants `example` taken like any other, and tests need `test`.
PRIVATE_TLDS = frozenset(
    [
        "alt",
        "arpa",
        "corp",
        "home",
        "internal",
        "intranet",
        "invalid",
        "lan",
        "local",
        "localdomain",
        "localhost",
        "onion",
        "private",
    ]
)
#: RFC 5321, 4.5.3.1.1, in octets.
LONGEST_LOCAL_PART = 64
#: Stands for a domain of the site's own network while an address is validated.
_STAND_IN = "example.org"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
#: The mail provider that ignores dots before the @, by both of its names.
_DOTS_IGNORED = frozenset({"gmail.com", "googlemail.com"})


class AddressFault(Enum):
    """What is wrong with an address."""

    SYNTAX = auto()
    #: No mail server of the Internet serves its domain.
    PRIVATE_DOMAIN = auto()
    #: The mail server takes no letters beyond ASCII before the @.
    NOT_ASCII = auto()


class InvalidEmailAddress(ValueError):
    """This is no e-mail address to which a site sends; `fault` says why."""

    def __init__(self, fault: AddressFault) -> None:
        """Keep the reason; the address itself is personal."""
        self.fault = fault
        super().__init__(fault.name.lower().replace("_", " "))


def normalize_email(
    text: str, *, internal_domains: Collection[str] = (), any_domain: bool = False, smtputf8: bool = True
) -> str:
    """Return the one spelling of an address: the part before the @ as it is, the domain in lower-case ASCII.

    `internal_domains` are taken, with all below them, though the Internet does not know them; `any_domain` takes them
    all, for addresses that those who run the site wrote. Raises `InvalidEmailAddress`.
    """
    before, _at, domain = text.lower().rpartition("@")
    if any_domain and _LABEL.fullmatch(last := domain.rpartition(".")[2]) and _is_private(domain):
        internal_domains = [last]
    internal = _get_suffix(domain, internal_domains)
    try:
        local, ascii_domain = _validate(text[: len(text) - len(internal)] + _STAND_IN if internal else text)
    except ValueError as exc:
        is_domain_at_fault = before and "@" not in before and domain and _is_private(domain)
        raise InvalidEmailAddress(AddressFault.PRIVATE_DOMAIN if is_domain_at_fault else AddressFault.SYNTAX) from exc
    if not internal and _is_private(ascii_domain):
        raise InvalidEmailAddress(AddressFault.PRIVATE_DOMAIN)
    if not (smtputf8 or local.isascii()):
        raise InvalidEmailAddress(AddressFault.NOT_ASCII)
    return f"{local}@{ascii_domain.removesuffix(_STAND_IN) + internal if internal else ascii_domain}"


def to_address_key(email: str) -> str:
    """Return what two spellings of one mailbox share, to count what goes to it; never an address to send to.

    Case, `+tags`, and the dots that Gmail ignores make no difference. `email` is normalised.
    """
    local, _at, domain = email.rpartition("@")
    local = unicodedata.normalize("NFC", local).casefold()
    local = local.partition("+")[0] or local
    if domain in _DOTS_IGNORED:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def _validate(text: str) -> tuple[str, str]:
    """Return the part before the @ and the domain in ASCII. Raises `ValueError`."""
    # It takes 25 ms, which only those pay who meet an address.
    from email_validator import validate_email  # noqa: PLC0415

    valid = validate_email(text, check_deliverability=False, strict=True, test_environment=True)
    local = valid.local_part
    if len(local.encode()) > LONGEST_LOCAL_PART:
        raise ValueError("too long before the @")
    # A full-width comma is one after the normalisation that mail programs do, and then there are two addresses.
    if unicodedata.normalize("NFKC", local) != local:
        raise ValueError("compatibility characters before the @")
    # An encoded word of RFC 2047, which readers of a header decode to whatever it hides.
    if "=?" in local or parseaddr(f"{local}@{valid.ascii_domain}") != ("", f"{local}@{valid.ascii_domain}"):
        raise ValueError("reads as something else in a header")
    return local, valid.ascii_domain


def _is_private(domain: str) -> bool:
    """Return whether a domain is none of the Internet: reserved, of one label, or a network address in brackets."""
    return "." not in domain or domain.startswith("[") or domain.rpartition(".")[2] in PRIVATE_TLDS


def _get_suffix(domain: str, domains: Collection[str]) -> str:
    """Return the longest of `domains` that `domain` is, or is below; empty where there is none."""
    found = [name.lower() for name in domains if domain == name.lower() or domain.endswith(f".{name.lower()}")]
    return max(found, key=len, default="")

"""E-mail addresses that are refused, and those that go to one mailbox only: (what it is, input, answer).

The answer to a refused one is the name of its `AddressFault`; to another, the address to which the mail goes.
"""

from tests.bad_inputs import Case, shown

TITLE = "E-mail addresses"

REFUSED: tuple[tuple[str, str, str], ...] = (
    (
        "a full-width comma and @, which NFKC turns into a second recipient",
        "inj@a.example\uff0cb\uff20b.example",
        "SYNTAX",
    ),
    ("a full-width comma before the @", "ana\uff0ceve@example.org", "SYNTAX"),
    ("a small semicolon before the @", "ana\ufe54eve@example.org", "SYNTAX"),
    ("full-width angle brackets", "ana\uff1ceve\uff1e@example.org", "SYNTAX"),
    ("full-width letters before the @", "\uff41na@example.org", "SYNTAX"),
    ("a dot leader, which NFKC turns into a dot, after the @", "ana@b\u2024example.org", "SYNTAX"),
    ("a number with a full stop, which NFKC turns into two characters", "ana@\u2488example.org", "SYNTAX"),
    ("a comma", "ana@a.example,eve@b.example", "SYNTAX"),
    ("a semicolon", "ana@a.example;eve@b.example", "SYNTAX"),
    ("two @", "ana@b@example.org", "SYNTAX"),
    ("a quoted @", '"a@b"@example.org', "SYNTAX"),
    ("a quoted comma", '"ana,eve"@example.org', "SYNTAX"),
    ("a comment", "ana(eve)@example.org", "SYNTAX"),
    ("angle brackets", "<ana@example.org>", "SYNTAX"),
    ("a name before it", "Ana <ana@example.org>", "SYNTAX"),
    ("an encoded word of RFC 2047, which hides a second recipient", "=?utf-8?q?b=40b.example=2C?=@a.example", "SYNTAX"),
    ("a line break and a header", "ana@example.org\r\nBcc: eve@example.org", "SYNTAX"),
    ("a line feed at its end", "ana@example.org\n", "SYNTAX"),
    ("a line separator", "ana@example.org\u2028", "SYNTAX"),
    ("a next-line character", "ana\x85@example.org", "SYNTAX"),
    ("a NUL", "ana\0@example.org", "SYNTAX"),
    ("a tab", "ana\t@example.org", "SYNTAX"),
    ("half a character", "ana\ud800@example.org", "SYNTAX"),
    ("a character that turns the direction of writing", "ana\u202e@example.org", "SYNTAX"),
    ("the same after the @", "ana@example\u202e.org", "SYNTAX"),
    ("a space of no width", "a\u200bna@example.org", "SYNTAX"),
    ("a dot at its end", "ana@example.org.", "SYNTAX"),
    ("two dots", "ana@example..org", "SYNTAX"),
    ("a dot before the @", "ana.@example.org", "SYNTAX"),
    ("a domain with an underline", "ana@exa_mple.org", "SYNTAX"),
    ("a domain that begins with a dash", "ana@-example.org", "SYNTAX"),
    ("Punycode that stands for nothing", "ana@xn--a.example", "SYNTAX"),
    ("Punycode of what IDNA 2008 does not allow", "ana@xn--53h.example", "SYNTAX"),
    ("an emoji in the domain", "ana@☕.example", "SYNTAX"),
    ("65 characters before the @", "a" * 65 + "@example.org", "SYNTAX"),
    ("66 octets before the @", "é" * 33 + "@example.org", "SYNTAX"),
    ("a label of 64 characters", "ana@" + "a" * 64 + ".example", "SYNTAX"),
    ("255 characters", "ana@" + "a." * 122 + "example", "SYNTAX"),
    ("nothing before the @", "@example.org", "SYNTAX"),
    ("no @", "ana", "SYNTAX"),
    ("a network address", "ana@127.0.0.1", "SYNTAX"),
    ("this machine", "a@localhost", "PRIVATE_DOMAIN"),
    ("a name below it", "a@mail.LOCALHOST", "PRIVATE_DOMAIN"),
    ("a network address in brackets", "a@[127.0.0.1]", "PRIVATE_DOMAIN"),
    ("an IPv6 address in brackets", "a@[IPv6:::1]", "PRIVATE_DOMAIN"),
    ("a network address as one number", "a@2130706433", "PRIVATE_DOMAIN"),
    ("a name without a dot", "ana@mailhost", "PRIVATE_DOMAIN"),
    ("a name of the local network (RFC 6762)", "ana@printer.local", "PRIVATE_DOMAIN"),
    ("a name of private networks (ICANN)", "ana@mail.internal", "PRIVATE_DOMAIN"),
    ("the same with a full-width letter", "ana@mail.\uff49nternal", "PRIVATE_DOMAIN"),
    ("a name that is none (RFC 6761)", "ana@mail.invalid", "PRIVATE_DOMAIN"),
    ("a hidden service (RFC 7686)", "ana@abc.onion", "PRIVATE_DOMAIN"),
    ("a name of home networks (RFC 8375)", "ana@router.home.arpa", "PRIVATE_DOMAIN"),
)

ONE_MAILBOX: tuple[tuple[str, str, str], ...] = (
    ("capitals after the @", "Ana@Example.ORG", "Ana@example.org"),
    ("a sharp s, which IDNA 2003 turned into another domain", "ana@straße.example", "ana@xn--strae-oqa.example"),
    ("the same domain in ASCII", "ana@xn--strae-oqa.example", "ana@xn--strae-oqa.example"),
    ("a final sigma, likewise", "ana@\u03b2\u03cc\u03bb\u03bf\u03c2.example", "ana@xn--nxasmm1c.example"),
    ("a letter of two characters after the @", "ana@exa\u0308mple.org", "ana@xn--exmple-cua.org"),
    ("the same before the @", "jose\u0301@example.org", "josé@example.org"),
    ("an ideographic full stop", "ana@example\u3002org", "ana@example.org"),
    ("a Cyrillic letter, shown as what it is", "ana@ex\u0430mple.org", "ana@xn--exmple-4nf.org"),
    ("a plus sign", "ana+maps@example.org", "ana+maps@example.org"),
    ("an apostrophe", "o'brien@example.org", "o'brien@example.org"),
    ("64 characters before the @", "a" * 64 + "@example.org", "a" * 64 + "@example.org"),
    ("a domain that RFC 6761 wants taken like any other", "ana@a.example", "ana@a.example"),
    ("a domain for tests", "ana@a.test", "ana@a.test"),
)

#: What each `AddressFault` means to whoever typed it.
_ANSWERS = {"SYNTAX": "422: it is not an e-mail address", "PRIVATE_DOMAIN": "422: mail cannot be sent to that domain"}

CASES = (
    *(Case(input=f"{what}: {shown(address)}", answer=_ANSWERS[fault]) for what, address, fault in REFUSED),
    *(Case(input=f"{what}: {shown(address)}", answer=f"goes to {shown(used)}") for what, address, used in ONE_MAILBOX),
)

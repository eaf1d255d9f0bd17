"""What people wrote, made safe to stand in an e-mail that goes to somebody else.

Whoever can write a free-text request can have the portal mail a text of theirs to any address. So it stands as a
quotation, and no mail program makes a link of it: dots and colons that would are put in brackets, as those who report
phishing write them. The pages show the text as it was written.
"""

import re
import unicodedata

#: What programs take for the dot of a domain name: before letters, as each top-level domain has them.
_DOT = re.compile(r"(?<=\w)[.\u3002\uff0e\uff61](?=[^\W\d_]{2})")
_SCHEME = re.compile(r":(?=//|\\\\)|(?<=mailto):", re.IGNORECASE)
#: The path of a shared folder, which some programs link as well.
_SHARE = re.compile(r"\\\\(?=\w)")


def to_one_line(text: str) -> str:
    """Return it without line breaks and without characters that change how the rest is shown."""
    return " ".join(_visible(text).split())


def defang(text: str) -> str:
    """Return its lines, of which no program makes links: `https[:]//example[.]org`."""
    lines = _visible(text).strip().splitlines()
    return _SHARE.sub(r"\\[\\]", _SCHEME.sub("[:]", _DOT.sub("[.]", "\n".join(line.rstrip() for line in lines))))


def quote(text: str) -> str:
    """Return it as the text of an e-mail quotes: a `>` before each line."""
    return "\n".join(f"> {line}".rstrip() for line in defang(text).split("\n"))


def _visible(text: str) -> str:
    """Leave out control and formatting characters; what separates lines stays."""
    return "".join(
        char for char in text if char in "\n\r\t\v\f\x85" or unicodedata.category(char) not in {"Cc", "Cf", "Cs"}
    )

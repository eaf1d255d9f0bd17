"""Domains of e-mail addresses that are often mistyped, and which of them somebody probably meant."""

#: Where most people have their mail, in Spain and elsewhere: the names by what follows them; the more usual first.
COMMON = {
    "com": "gmail hotmail outlook yahoo icloud live googlemail msn aol me gmx mail protonmail zoho yandex fastmail ya "
    "btinternet",
    "es": "hotmail yahoo outlook live movistar terra orange jazztel gmx",
    "net": "telefonica euskaltel gmx laposte comcast",
    "de": "gmx web t-online",
    "fr": "orange free hotmail yahoo",
    "it": "hotmail yahoo libero",
    "me": "proton",
    "pt": "sapo",
    "co.uk": "yahoo hotmail",
    "com.mx": "yahoo",
    "com.ar": "yahoo",
}
#: Endings that no domain has, and those that no common domain has.
_NO_ENDINGS = {
    **dict.fromkeys(("con", "cmo", "ocm", "comm", "coom", "vom", "xom", "cpm", "c0m", "ccom", "cim", "clm"), "com"),
    **dict.fromkeys(("ogr", "rog", "orgg"), "org"),
    **dict.fromkeys(("nte", "ent", "nett"), "net"),
}
_RARE_ENDINGS = dict.fromkeys(("co", "cm", "om"), "com")
#: Real domains that look like others.
_REAL = frozenset({"email.com", "ymail.com", "rmail.com", "fmail.com", "yahoo.com.br", "notmail.com"})
#: Names of so many letters may differ by one, and by two.
_ONE, _TWO = 5, 7


def suggest_email(email: str) -> str:
    """Return the address that somebody probably meant; empty where theirs looks right."""
    local, _at, domain = email.rpartition("@")
    meant = suggest_domain(domain.lower())
    return f"{local}@{meant}" if local and meant else ""


def suggest_domain(domain: str) -> str:
    """Return a common domain from which one differs by a letter or two, or its ending put right; empty for none."""
    name, _dot, ending = domain.partition(".")
    if domain in _REAL or name in COMMON.get(ending, "").split():
        return ""
    if name == "gmail":
        return "gmail.com"  # there is no other
    right = _NO_ENDINGS.get(ending, ending)
    likely = _RARE_ENDINGS.get(right, right)
    near = [(distance(name, common), place, common) for place, common in enumerate(COMMON.get(likely, "").split())]
    letters, _place, common = min(near, default=(1, 0, ""))
    if letters <= (len(common) >= _ONE) + (len(common) >= _TWO):
        return f"{common}.{likely}"
    return f"{name}.{right}" if right != ending else ""


def distance(one: str, other: str) -> int:
    """Return how many letters are put in, left out, changed or swapped with the next (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        now = [row]
        for column, other_letter in enumerate(other, start=1):
            cost = min(last[column] + 1, now[-1] + 1, last[column - 1] + (letter != other_letter))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == other_letter:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        before, last = last, now
    return last[-1]

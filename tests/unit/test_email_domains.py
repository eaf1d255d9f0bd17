import pytest

from downman.domain.email_domains import COMMON, suggest_domain, suggest_email


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("gmial.com", "gmail.com"), ("gmai.com", "gmail.com"), ("gnail.com", "gmail.com"), ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"), ("gmail.es", "gmail.com"), ("gamil.cmo", "gmail.com"), ("hotmial.es", "hotmail.es"),
        ("hotmai.com", "hotmail.com"), ("outlok.es", "outlook.es"), ("yaho.es", "yahoo.es"),
        ("iclod.com", "icloud.com"),
        ("telefonca.net", "telefonica.net"), ("example.con", "example.com"), ("ign.ogr", "ign.org"),
    ],
)  # fmt: skip
def test_a_near_miss_is_told(written: str, meant: str) -> None:
    assert suggest_email(f"Ana.Gil+x@{written}") == f"Ana.Gil+x@{meant}"


@pytest.mark.parametrize(
    "domain",
    [
        *(f"{name}.{ending}" for ending, names in COMMON.items() for name in names.split()),
        "ujaen.es", "ign.es", "example.org", "a.example", "email.com", "ymail.com", "one.com", "hotmail.be", "yahoo.de",
        "outlook.it", "mail.ru", "gmx.at", "yahoo.com.br", "xn--exmple-cua.org", "cm.com", "live.fr", "line.com", "",
    ],
)  # fmt: skip
def test_what_looks_right_is_left_alone(domain: str) -> None:
    assert suggest_domain(domain) == ""

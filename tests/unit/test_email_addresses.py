from email import message_from_bytes
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from downman.email_addresses import AddressFault, InvalidEmailAddress, normalize_email, to_address_key
from downman.services.mails import to_recipient
from tests.bad_inputs.email_addresses import ONE_MAILBOX, REFUSED


@pytest.mark.parametrize(("what", "text", "fault"), REFUSED)
def test_what_could_reach_nobody_or_somebody_else_is_refused(what: str, text: str, fault: str) -> None:
    with pytest.raises(InvalidEmailAddress) as raised:
        normalize_email(text)
    assert raised.value.fault is AddressFault[fault], what


@pytest.mark.parametrize(("what", "text", "normalized"), ONE_MAILBOX)
def test_an_address_has_one_spelling(what: str, text: str, normalized: str) -> None:
    assert normalize_email(text) == normalized, what
    assert normalize_email(normalized) == normalized, what


@given(
    st.lists(
        st.sampled_from(
            [*"ab.@\"'<>()[],;:\\ =?+-_%", "\uff0c", "\uff20", "\ufe54", "ß", "é", "\u0301", "xn--", "org", "local"]
        ),
        max_size=12,
    )
)
def test_whatever_is_taken_is_one_recipient_to_a_reader_of_the_header(parts: list[str]) -> None:
    try:
        address = normalize_email("".join(parts))
    except InvalidEmailAddress:
        return
    header = f"To: {to_recipient(address)}\r\n\r\n".encode()
    read = message_from_bytes(header, policy=SMTP.clone(utf8=True))["To"]
    assert [found.addr_spec for found in read.addresses] == [address]


def test_domains_of_the_sites_own_network_are_taken_where_it_says_so() -> None:
    assert normalize_email("ana@Maps.GIS.local", internal_domains=["gis.local"]) == "ana@maps.gis.local"
    assert normalize_email("ana@localhost", internal_domains=["localhost"]) == "ana@localhost"
    for other in ("ana@other.local", "ana@notgis.local", "ana@eve.example,b@gis.local", "a b@gis.local"):
        with pytest.raises(InvalidEmailAddress):
            normalize_email(other, internal_domains=["gis.local"])


def test_those_who_run_the_site_may_use_addresses_of_their_machine() -> None:
    assert normalize_email("root@localhost", any_domain=True) == "root@localhost"
    for text in ("root@eve.example,localhost", "root", "root@a b.local", "root@[127.0.0.1]"):
        with pytest.raises(InvalidEmailAddress):
            normalize_email(text, any_domain=True)


def test_other_letters_before_the_at_need_a_mail_server_that_takes_them() -> None:
    with pytest.raises(InvalidEmailAddress) as raised:
        normalize_email("josé@example.org", smtputf8=False)
    assert raised.value.fault is AddressFault.NOT_ASCII
    assert normalize_email("ana@exämple.org", smtputf8=False) == "ana@xn--exmple-cua.org"


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("Ana@example.org", "ana@example.org"),
        ("ana+1@example.org", "ana@example.org"),
        ("+ana@example.org", "+ana@example.org"),
        ("a.n.a+x@googlemail.com", "ana@gmail.com"),
        ("a.na@example.org", "a.na@example.org"),
    ],
)
def test_spellings_of_one_mailbox_share_a_key(spelling: str, key: str) -> None:
    assert to_address_key(normalize_email(spelling)) == key

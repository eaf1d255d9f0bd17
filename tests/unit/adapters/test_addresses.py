from ipaddress import ip_network

import pytest

from downman.domain.errors import AddressRefused
from downman_flows.sources.network_addresses import check_address

LOOPBACK = (ip_network("127.0.0.1/32"),)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.0.0.2/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://[::1]/",
        "http://[::]/",
        "http://[fe80::1]/",
        "http://[fc00::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "file:///etc/passwd",
        "ftp://192.0.2.1/x",
        "gopher://192.0.2.1/x",
        "http://user:password@8.8.8.8/",
        "http:///x",
        "//8.8.8.8/x",
        "8.8.8.8",
        "",
        "http://[::1/",
        "http://8.8.8.8:99999/",
    ],
)
def test_an_address_that_may_not_be_opened_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(url, ())


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "https://1.1.1.1:8443/x?y#z", "http://[2606:4700:4700::1111]/"])
def test_a_public_address_is_allowed_and_is_what_is_connected_to(url: str) -> None:
    checked = check_address(url, ())
    assert checked.addresses == (checked.host.strip("[]"),)


def test_only_what_the_owner_allows_of_the_private_ones_is() -> None:
    assert check_address("http://127.0.0.1:8000/x", LOOPBACK).addresses == ("127.0.0.1",)
    for url in ("http://127.0.0.2/", "http://10.0.0.1/", "http://[::1]/"):
        with pytest.raises(AddressRefused):
            check_address(url, LOOPBACK)
    assert check_address("http://[::ffff:127.0.0.1]/", LOOPBACK).addresses == ("::ffff:7f00:1",)

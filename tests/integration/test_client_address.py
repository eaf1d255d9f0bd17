"""From which address an order comes: by trusted headers only, whatever a client writes into them."""

from typing import Any

import pytest
from django.test import Client, RequestFactory

from downman.client_address import get_client_address
from downman.domain.limits import Limits, get_network
from downman.environment import InvalidSettings
from downman.models import Resource
from downman.settings import app_settings
from tests.integration.test_limits import limit, place

PROXIES = ["10.0.0.0/8", "2001:db8:1::/48", "unix"]


@pytest.mark.parametrize(
    ("remote", "forwarded", "client"),
    [
        # Without a proxy, or with one that is not trusted, the header is what a client writes.
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        # A proxy overwrites the header, or adds to what a client has written.
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.7, 198.51.100.1", "198.51.100.1"),
        # A chain of proxies.
        ("10.0.0.1", "203.0.113.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        # It sends no header, or one that is no address: what is known is the proxy.
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, _hidden", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, 999.1.1.1", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1; DROP TABLE", "10.0.0.1"),
        # With a port, in brackets, in the other family's form, with a zone.
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", '"[2001:db8:2::1]:4711"', "2001:db8:2::1"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("::ffff:192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("2001:db8:1::5", "2001:DB8:2:0:0:0:0:1", "2001:db8:2::1"),
        ("10.0.0.1", "fe80::1%eth0", "fe80::1"),
        # A socket of the machine has no address.
        ("", "198.51.100.1", "198.51.100.1"),
        ("", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("", None, ""),
    ],
)
def test_a_client_is_whom_the_nearest_proxies_name(
    settings: Any, remote: str, forwarded: str | None, client: str
) -> None:
    settings.DOWNLOADS_TRUSTED_PROXIES = PROXIES
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert get_client_address(RequestFactory(REMOTE_ADDR=remote).get("/", headers=headers)) == client


@pytest.mark.parametrize("remote", ["127.0.0.1", "10.0.0.1", ""])
def test_nobody_is_trusted_unless_the_site_says_so(remote: str) -> None:
    headers = {"X-Forwarded-For": "198.51.100.1", "X-Real-IP": "198.51.100.2", "Forwarded": "for=198.51.100.3"}
    assert get_client_address(RequestFactory(REMOTE_ADDR=remote).get("/", headers=headers)) == remote


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.77/32"),
        ("::ffff:192.0.2.77", "192.0.2.77/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_a_network_is_one_address_or_a_home_of_ipv6(address: str, network: str) -> None:
    assert get_network(address, Limits()) == network


def test_an_institute_can_be_one_network() -> None:
    wide = Limits(ipv4_prefix=24, ipv6_prefix=48)
    assert get_network("192.0.2.77", wide) == "192.0.2.0/24"
    assert get_network("2001:db8:1:2::6", wide) == "2001:db8:1::/48"


@pytest.mark.django_db
def test_headers_of_its_own_neither_free_a_client_nor_harm_another(
    client: Client, resource: Resource, settings: Any
) -> None:
    settings.DOWNLOADS_TRUSTED_PROXIES = ["10.0.0.1/32"]
    limit(orders_per_network=2, orders_per_person=0)
    statuses = [
        place(client, REMOTE_ADDR=remote, headers={"X-Forwarded-For": f"198.51.100.{number}{added}"}).status_code
        # Directly, and through the proxy, which adds the address that it sees.
        for remote, added in (("192.0.2.1", ""), ("10.0.0.1", ", 192.0.2.2"))
        for number in range(4)
    ]
    assert statuses == [201, 201, 429, 429] * 2
    # The one whose address they wrote has ordered nothing.
    assert place(client, REMOTE_ADDR="198.51.100.0").status_code == 201


@pytest.mark.django_db
def test_who_comes_by_a_socket_that_says_nothing_is_not_counted_with_all_others(
    client: Client, resource: Resource
) -> None:
    limit(orders_per_network=1)
    assert {place(client, REMOTE_ADDR="").status_code for _ in range(3)} == {201}


def test_a_proxy_is_named_by_its_network(settings: Any) -> None:
    settings.DOWNLOADS_TRUSTED_PROXIES = ["everybody"]
    with pytest.raises(InvalidSettings, match="DOWNLOADS_TRUSTED_PROXIES"):
        app_settings()

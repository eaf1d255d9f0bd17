import pytest

from downman.domain.errors import AddressRefused
from downman.domain.networks import AllowedNetwork
from downman_flows.sources.network_addresses import CheckedAddress, check_address, is_own, parse_target
from downman_flows.sources.special_addresses import REFUSED_PORTS
from tests.bad_inputs import Case, ids
from tests.bad_inputs.network_addresses import CASES

LOOPBACK = (AllowedNetwork.parse("127.0.0.1/32"),)


def check(url: str, *allowed: str) -> CheckedAddress:
    return check_address(parse_target(url), [AllowedNetwork.parse(text) for text in allowed])


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_an_address_that_may_not_be_opened_is_refused(case: Case) -> None:
    with pytest.raises(AddressRefused, match=case.expected):
        check(case.given)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://8.8.8.8/", "8.8.8.8"),
        ("https://1.1.1.1:8443/x?y#z", "1.1.1.1"),
        ("http://192.0.1.1/", "192.0.1.1"),
        ("http://[2606:4700:4700::1111]/", "2606:4700:4700::1111"),
        ("http://[2001:4860:4860::8888]/", "2001:4860:4860::8888"),
        ("http://[64:ff9b::8.8.8.8]/", "64:ff9b::808:808"),
        ("http://[2002:808:808::1]/", "2002:808:808::1"),
    ],
)
def test_a_public_address_is_allowed_and_is_what_is_connected_to(url: str, address: str) -> None:
    assert check(url).addresses == (address,)


def test_only_what_the_owner_allows_of_the_private_ones_is() -> None:
    assert check("http://127.0.0.1:8000/x", "127.0.0.1").addresses == ("127.0.0.1",)
    for url in ("http://127.0.0.2/", "http://10.0.0.1/", "http://[::1]/"):
        with pytest.raises(AddressRefused):
            check(url, "127.0.0.1")
    assert check("http://[::ffff:127.0.0.1]/", "127.0.0.1").addresses == ("::ffff:7f00:1",)


def test_an_allowance_with_a_port_is_for_that_port_only() -> None:
    check("http://10.1.2.3:8080/x", "10.1.2.0/24:8080")
    check("http://[fd00::7]:8080/x", "[fd00::7]:8080")
    for url in ("http://10.1.2.3:8081/x", "http://10.1.2.3/x", "http://10.1.3.3:8080/x"):
        with pytest.raises(AddressRefused):
            check(url, "10.1.2.0/24:8080")


@pytest.mark.parametrize("port", sorted(REFUSED_PORTS - {0}))
def test_a_port_of_another_service_is_opened_only_where_it_is_named(port: int) -> None:
    for host in ("8.8.8.8", "10.1.2.3"):
        with pytest.raises(AddressRefused, match="port"):
            check(f"http://{host}:{port}/", "10.0.0.0/8")
    check(f"http://10.1.2.3:{port}/", f"10.1.2.3:{port}")


@pytest.mark.parametrize(
    ("resource", "hop", "answer"),
    [
        ("http://gis.example/a", "http://gis.example/b", "own"),
        ("http://GIS.example/a", "http://gis.example:80/b", "own"),
        ("http://gis.example/a", "https://gis.example/a", "own"),
        ("http://gis.example:8080/a", "https://gis.example:8080/a", "own"),
        ("http://gis.example/a", "http://gis.example:8080/a", "another"),
        ("http://gis.example:8080/a", "https://gis.example/a", "another"),
        ("http://gis.example/a", "http://www.gis.example/a", "another"),
        ("http://127.0.0.1:8000/a", "http://127.0.0.1:8001/a", "another"),
    ],
)
def test_a_hop_is_the_resources_own_at_the_same_host_and_port(resource: str, hop: str, answer: str) -> None:
    assert is_own(parse_target(hop), parse_target(resource)) is (answer == "own")


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "10.0.0.0/8", "10.0.0.0/8:8080", "fd00::/8", "[fd00::/8]:8080", "[fd00::7]:22"]
)
def test_an_allowance_is_written_as_it_is_read(text: str) -> None:
    assert str(AllowedNetwork.parse(text)).replace("/32", "").replace("/128", "") == text


@pytest.mark.parametrize(
    "text", ["", "gis.example", "10.0.0.0/99", "10.0.0.1:0", "10.0.0.1:65536", "[::1", "10.0.0.1:x"]
)
def test_what_is_no_network_is_no_allowance(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        AllowedNetwork.parse(text)

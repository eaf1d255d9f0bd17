"""Types of settings, and how a type with its bounds is described to people."""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator, SecretStr, Strict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from downman.domain.networks import AllowedNetwork

#: Units that stand at the end of a setting's name.
UNITS = ("seconds", "hours", "days", "bytes", "processes", "threads", "workers")
_ONE: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Path: "a path",
    Mapping[str, str]: "dotted paths by their names",
}
#: A proxy that connects to the site by a socket of the machine has no address.
UNIX_SOCKET = "unix"
#: What Prefect takes as the name of a block, which is made from that of the pool.
_POOL_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MANY: Mapping[Any, str] = {
    int: "whole numbers",
    Path: "paths",
    IPv4Network | IPv6Network: "networks",
    AllowedNetwork: "networks",
}


def unit(name: str) -> Any:
    """Return the metadata of a setting whose name does not end in its unit."""
    return Field(json_schema_extra={"unit": name})


def _to_network(value: Any) -> IPv4Network | IPv6Network:
    if not isinstance(value, str | IPv4Network | IPv6Network):
        # An integer would be read as the address with that number.
        raise PydanticCustomError("network_type", "not a network")
    return ip_network(value)


def _to_allowed(value: Any) -> AllowedNetwork:
    if isinstance(value, AllowedNetwork):
        return value
    if isinstance(value, str):
        return AllowedNetwork.parse(value)
    return AllowedNetwork(network=_to_network(value))


def _is_proxy(url: SecretStr) -> SecretStr:
    if not url.get_secret_value():
        return url
    try:
        parts = urlsplit(url.get_secret_value())
        is_valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.path in {"", "/"}
        _ = parts.port  # raises for an invalid port
    except ValueError:
        # Its message would repeat a part of the URL.
        is_valid = False
    if not is_valid:
        raise ValueError("write the URL of a proxy: http://user:password@proxy.example.org:3128") from None
    return url


def _is_postgresql(url: SecretStr) -> SecretStr:
    if url.get_secret_value() and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("write the URL of a PostgreSQL database: postgresql://user:password@host/name")
    return url


def _is_pool_name(name: str) -> str:
    if not _POOL_NAME.fullmatch(name):
        raise ValueError("write lower-case letters, digits and single dashes, such as `portal`")
    return name


def _to_paths(value: Any) -> dict[str, str]:
    """Take a mapping, or the text of a variable: `name=dotted.path,name=dotted.path`."""
    if isinstance(value, str):
        value = dict(item.strip().partition("=")[::2] for item in value.split(",") if item.strip())
    if not isinstance(value, Mapping) or not all(
        isinstance(text, str) and text for item in value.items() for text in item
    ):
        raise PydanticCustomError("paths_type", "not dotted paths by their names")
    return {name: path.strip() for name, path in value.items()}


def _to_proxy(value: Any) -> IPv4Network | IPv6Network | str:
    return value if value == UNIX_SOCKET else _to_network(value)


#: A path may be written as text.
Folder = Annotated[Path, Strict(strict=False)]
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(_to_network)]
Proxy = Annotated[IPv4Network | IPv6Network | Literal["unix"], PlainValidator(_to_proxy)]
AllowedHosts = Annotated[AllowedNetwork, PlainValidator(_to_allowed)]
# Beyond these bounds dates overflow, the database cannot hold a size, a machine cannot hold what runs, and what is lost
# is never missed.
Days = Annotated[int, Field(le=36_500)]
Hours = Annotated[int, Field(le=24 * 36_500)]
Seconds = Annotated[int, Field(le=366 * 24 * 3600)]
Bytes = Annotated[int, Field(le=10**18)]
Parts = Annotated[int, unit("parts")]
Orders = Annotated[int, unit("orders"), Field(le=1_000_000)]
Mails = Annotated[int, unit("e-mails"), Field(le=1_000_000)]
Bits = Annotated[int, unit("bits")]
Runs = Annotated[int, unit("runs"), Field(le=10_000)]
Port = Annotated[int, Field(ge=1, le=65535)]
DottedPaths = Annotated[Mapping[str, str], PlainValidator(_to_paths)]
PoolName = Annotated[str, AfterValidator(_is_pool_name)]
ProxyUrl = Annotated[SecretStr, AfterValidator(_is_proxy)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_is_postgresql)]
#: Seconds to wait before the first repetition, the second, and so on.
Delays = Annotated[tuple[Annotated[Seconds, Field(ge=1)], ...], Field(min_length=1, strict=False)]


def get_unit(name: str, field: FieldInfo) -> str:
    """Return the unit of a setting; empty for one without."""
    declared = field.json_schema_extra.get("unit") if isinstance(field.json_schema_extra, dict) else None
    ending = name.rpartition("_")[2]
    return str(declared or (ending if ending in UNITS else ""))


def is_secret(field: FieldInfo) -> bool:
    """Return whether the value of a setting is a secret."""
    return field.annotation is SecretStr


def is_list(field: FieldInfo) -> bool:
    """Return whether a setting holds a list."""
    return get_origin(field.annotation) in {tuple, list}


def may_be_repeated(field: FieldInfo) -> bool:
    """Return whether a message may repeat the value: never a text, which may be secret or personal."""
    kind, _metadata = _unwrap(get_args(field.annotation)[0] if is_list(field) else field.annotation)
    return kind in {bool, int, float} or get_origin(kind) is Literal or _is_enum(kind)


def describe(field: FieldInfo) -> str:
    """Describe the type and the bounds of a setting: "a whole number, 1 or more"."""
    if is_list(field):
        kind, metadata = _unwrap(get_args(field.annotation)[0])
        is_required = any(hasattr(item, "min_length") for item in field.metadata)
        words = f"a list of {'one or more ' if is_required else ''}{_MANY.get(kind, 'texts')}"
        bounds = _bounds(metadata)
        return words + (f", each {bounds}" if bounds else "")
    kind, metadata = _unwrap(field.annotation)
    if get_origin(kind) is Literal:
        return _choice(get_args(kind))
    if _is_enum(kind):
        return _choice(member.value for member in kind)
    bounds = _bounds([*field.metadata, *metadata])
    return _ONE.get(kind, "text") + (f", {bounds}" if bounds else "")


def _choice(options: Iterable[Any]) -> str:
    return "one of " + ", ".join(str(option) or "nothing" for option in options)


def _bounds(metadata: Iterable[Any]) -> str:
    bounds = [(name, getattr(item, name)) for item in metadata for name in ("ge", "gt", "le") if hasattr(item, name)]
    least = max((bound for name, bound in bounds if name == "ge"), default=None)
    above = max((bound for name, bound in bounds if name == "gt"), default=None)
    most = min((bound for name, bound in bounds if name == "le"), default=None)
    if most is not None:
        return f"{least} to {most}" if above is None else f"more than {above}, at most {most}"
    if least is not None:
        return f"{least} or more"
    return f"more than {above}" if above is not None else ""


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


def _unwrap(kind: Any) -> tuple[Any, list[Any]]:
    """Return a type without its metadata and without None, and the metadata."""
    if get_origin(kind) in {Union, UnionType} and NoneType in get_args(kind):
        return _unwrap(next(option for option in get_args(kind) if option is not NoneType))
    if get_origin(kind) is Annotated:
        parts = [item for part in kind.__metadata__ for item in getattr(part, "metadata", (part,))]
        return get_args(kind)[0], parts
    return kind, []

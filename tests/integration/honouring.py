"""A source that honours every parameter of an order."""

from typing import ClassVar

from downman.domain.ports import OrderParameter
from downman_flows.sources.http_source import HttpSource


class HonouringSource(HttpSource):
    """Says that it makes formats and cuts areas, as sources of services do; it sends what lies at the URL."""

    honours: ClassVar[frozenset[OrderParameter]] = frozenset(OrderParameter)

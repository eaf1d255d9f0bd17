"""Files behind http and https URLs."""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from downman.domain.errors import TemporaryError
from downman.domain.networks import AllowedNetwork
from downman.domain.policy import Delivery
from downman.domain.ports import FetchRequest, OrderParameter, Progress, RemoteFile, StagedFile
from downman_flows.sources.fetch_limits import FetchLimits
from downman_flows.sources.outbound_proxy import OutboundProxy


class HttpSource:
    """Fetches one file, resuming and trying again within the run; safe to use from several threads."""

    is_static: ClassVar[bool] = True
    link_delivery: ClassVar[Delivery] = Delivery.REDIRECT
    honours: ClassVar[frozenset[OrderParameter]] = frozenset()

    def __init__(
        self,
        *,
        limits: FetchLimits,
        allowed_networks: Sequence[AllowedNetwork] = (),
        proxy: OutboundProxy | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Allow public addresses and those of `allowed_networks`; verify TLS by `ssl_context`, or the public roots."""
        # Not above: the site loads this module, and does not need a client.
        from downman_flows.sources.http_client import GuardedClient  # noqa: PLC0415

        self._limits = limits
        self._client: GuardedClient = GuardedClient(
            limits=limits, allowed_networks=allowed_networks, proxy=proxy, ssl_context=ssl_context
        )

    @classmethod
    def from_settings(cls, settings: Any) -> Self:
        """Make one with the networks and the limit of bytes that the site's settings allow."""
        limits = FetchLimits(max_bytes=settings.max_resource_bytes, allows_unproven=settings.deliver_unproven)
        proxy_url = settings.outbound_proxy.get_secret_value()
        return cls(
            limits=limits,
            allowed_networks=settings.private_addresses,
            proxy=OutboundProxy(proxy_url, no_proxy=settings.no_proxy) if proxy_url else None,
        )

    def close(self) -> None:
        """Close what is open."""
        self._client.close()

    def fetch(self, request: FetchRequest, folder: Path, progress: Progress) -> Sequence[StagedFile]:
        """Fetch the file into `folder`, resuming what an earlier attempt left there; raises a `DownmanError`."""
        from downman_flows.sources.http_fetch import HttpFetch  # noqa: PLC0415
        from downman_flows.sources.partial import Partial  # noqa: PLC0415

        partial = Partial(folder, request.url)
        try:
            received = HttpFetch(self._client, request.url, partial, limits=self._limits, progress=progress).receive()
        except TemporaryError:
            # A later run resumes what can be resumed; the rest is of no use to anybody.
            partial.load_resume_info()
            raise
        except BaseException:
            partial.discard()
            raise
        return [
            StagedFile(
                path=partial.path,
                name=received.name,
                size=received.hashes.size,
                sha256=received.hashes.hex(),
                crc32=received.hashes.crc32,
                proof=received.proof,
                modified_at=received.modified_at,
                media_type=received.media_type,
                final_url=received.final_url,
            )
        ]

    def inspect(self, request: FetchRequest) -> Sequence[RemoteFile]:
        """Ask for name and size; raises a `DownmanError`."""
        from downman_flows.sources.http_fetch import inspect  # noqa: PLC0415

        return [inspect(self._client, request.url, limits=self._limits)]

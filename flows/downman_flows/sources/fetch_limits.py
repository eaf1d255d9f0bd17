"""How long, how much and what an HTTP source may take."""

from dataclasses import dataclass

GIGABYTE = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class FetchLimits:
    """Limits of one fetch, with all its tries."""

    connect_seconds: float = 10
    #: Without a single byte for so long, a transfer has stalled.
    read_seconds: float = 30
    total_seconds: float = 6 * 3600
    #: Less than this over a whole span, and the other parts of the order wait no longer for it.
    least_bytes_per_second: float = 1000
    speed_seconds: float = 60
    #: Bytes of one file, after decoding.
    max_bytes: int = 100 * GIGABYTE
    max_redirects: int = 20
    #: The first and four again.
    tries: int = 5
    #: Seconds before the second try; doubled before each further one.
    backoff_seconds: float = 0.5
    #: Seconds before a try after one that brought more than any before it.
    resume_seconds: float = 0.1
    #: A source that asks us to wait longer is asked again by a later run.
    longest_retry_after_seconds: float = 30
    #: Whether what cannot be proven complete is taken all the same, as `unproven`.
    allows_unproven: bool = True

"""The rules of a portal, as plain values; the site reads its settings and hands one of these inward."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from downman.domain.limits import Limits

MEGABYTE = 1_000_000
#: Share of a delay by which chance may lengthen it.
LONGEST_SPREAD = 0.1
#: How long a source's wish to wait is obeyed at most.
LONGEST_WISH = timedelta(days=1)


class VerifyEmail(StrEnum):
    """Whose e-mail address has to be confirmed before anything is fetched or sent."""

    NEVER = "never"  #: Nobody's.
    ANONYMOUS = "anonymous"  #: Those of visitors who have not logged in.
    ALWAYS = "always"  #: Everybody's.


class PackagingMode(StrEnum):
    """What goes into packages, and what is handed out by a link of its own."""

    NEVER = "NEVER"  #: Nothing is packaged: each resource has a link of its own.
    DYNAMIC = "DYNAMIC"  #: What a server makes on demand is packaged; files that lie ready have links of their own.
    ALL = "ALL"  #: Everything goes into one package.


class Delivery(StrEnum):
    """What a link leads to."""

    PACKAGE = "package"  #: A zip in the package folder.
    FILE = "file"  #: A file of the catalogue, sent by this site.
    REDIRECT = "redirect"  #: The URL of another server, to which the person is redirected.


@dataclass(frozen=True, kw_only=True)
class DownloadPolicy:
    """What an administrator may change while the portal runs."""

    behaviour: PackagingMode = PackagingMode.ALL
    #: Resources in one request.
    cart_limit: int = 20
    #: Days from the moment a link is made until it ends.
    validity_days: int = 7
    #: Bytes of one resource above which an administrator must approve it.
    max_public_bytes: int = 300 * MEGABYTE
    #: None where nobody is limited.
    limits: Limits | None = None

    def packages(self, *, is_static: bool) -> bool:
        """Return whether what comes from a source goes into the package, not behind a link of its own."""
        return self.behaviour == PackagingMode.ALL or (self.behaviour == PackagingMode.DYNAMIC and not is_static)


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """When something that failed for a passing reason is tried again by a later run."""

    #: Delays after the first, second … failure; the last one repeats.
    delays: tuple[timedelta, ...]
    #: Time since the first failure after which it is given up.
    give_up_after: timedelta

    def next_delay(
        self, failures: int, elapsed: timedelta, *, at_least: timedelta = timedelta(), spread: float = 0.0
    ) -> timedelta | None:
        """Return the time until the next try, or None when it is time to give up.

        `failures` counts this one (1 or more); `elapsed` is the time since the first failure; `at_least` is what the
        source asked for, which is obeyed up to `LONGEST_WISH` and to the end of our own tries: when to give up is not
        for the source to say; `spread` (0 to 1) lengthens the delay by a share of `LONGEST_SPREAD`, so that what
        failed together does not come back together.
        """
        delay = self.delays[min(failures, len(self.delays)) - 1]
        delay += delay * spread * LONGEST_SPREAD
        if elapsed + delay > self.give_up_after:
            return None
        return max(delay, min(at_least, LONGEST_WISH, self.give_up_after - elapsed))


#: A source that fails: 5 min, 1 h, 6 h, 12 h, then a day each time, for 6 days (the original's).
SOURCE_RETRIES = RetryPolicy(
    delays=(timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6), timedelta(hours=12), timedelta(days=1)),
    give_up_after=timedelta(days=6),
)
#: A mail that fails: hourly three times, then every 6 h, for 6 days (the original's).
MAIL_RETRIES = RetryPolicy(
    delays=(timedelta(hours=1), timedelta(hours=1), timedelta(hours=1), timedelta(hours=6)),
    give_up_after=timedelta(days=6),
)
#: A disk without room: asked again every minute, for ever (the original's).
SPACE_RETRY = timedelta(seconds=60)

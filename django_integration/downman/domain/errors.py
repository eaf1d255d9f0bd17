"""What can go wrong with a download, split by what the one who catches it must do.

DownmanError
├── TemporaryError            try again later
│   ├── SourceUnavailable
│   │   └── SourceAsksToWait
│   ├── TransferInterrupted
│   ├── InternalFault
│   └── NoSpace
├── PermanentError            tell the person; trying again would change nothing
│   ├── SourceMissing
│   ├── SourceRefused
│   ├── AddressRefused
│   ├── SourceCorrupt
│   ├── SourceTooLarge
│   ├── FileRefused
│   ├── ResourceWithdrawn
│   ├── FormatUnavailable
│   └── RetriesExhausted
├── DownloadCancelled         stop, and leave nothing behind
├── LeaseLost                 stop: another worker has the request
├── IllegalTransition         a state was asked for that cannot follow the present one
├── ExtensionRefused          a link is not kept any longer; says what to do instead
├── ConfirmationRefused       an e-mail address is not confirmed, or not asked for again; says why
├── TriggerUnavailable        the orchestrator cannot be reached; the order stands and is started later
├── OrderRefused              the order cannot be taken as it is; says what to change
└── LimitReached              nothing more is taken of this client or person for now; says when to come back

The class docstring's first line is for developers. `sentence` is for the person who ordered: it is stored as a code
with its details and put into words, in the reader's language, only when it is shown.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import ClassVar

from downman.domain.status import describe_status
from downman.domain.text import clean_text


def gettext_noop(text: str) -> str:
    """Mark a sentence for translation; `makemessages` finds it by this name."""
    return text


class DownmanError(Exception):
    """Root of all errors of downman."""

    #: Stable name, stored with a locator and given by the API.
    code: ClassVar[str] = "error"
    #: What a person reads; `{name}` stands for a detail.
    sentence: ClassVar[str] = gettext_noop("Something went wrong. The administrators can see the details.")

    def __init__(self, **details: str | int) -> None:
        """Keep the details that fill the sentence; none of them may hold a secret."""
        self.details: Mapping[str, str | int] = {
            name: clean_text(value) if isinstance(value, str) else value for name, value in details.items()
        }
        super().__init__(put_into_words(self.sentence, self.details))


class _Lenient(dict[str, object]):
    """Leaves a gap instead of failing when a stored error lacks a detail that a newer sentence names."""

    def __missing__(self, key: str) -> str:
        return "?"


def _english(one: str, many: str, number: int) -> str:
    return one if number == 1 else many


def put_into_words(
    sentence: str, details: Mapping[str, object], ngettext: Callable[[str, str, int], str] = _english
) -> str:
    """Fill a sentence with the details of its error; `ngettext` chooses, and translates, the singular or the plural."""
    filled = _Lenient(details)
    seconds = details.get("wait_seconds")
    if isinstance(seconds, int):
        filled["wait"] = describe_wait(seconds, ngettext)
    return sentence.format_map(filled)


def describe_wait(seconds: int, ngettext: Callable[[str, str, int], str] = _english) -> str:
    """Return a time as people say it, rounded up: 7 days, 2 hours, 45 seconds."""
    if seconds >= 2 * 86400:
        number, text = -(-seconds // 86400), ngettext("{count} day", "{count} days", -(-seconds // 86400))
    elif seconds >= 2 * 3600:
        number, text = -(-seconds // 3600), ngettext("{count} hour", "{count} hours", -(-seconds // 3600))
    elif seconds >= 2 * 60:
        number, text = -(-seconds // 60), ngettext("{count} minute", "{count} minutes", -(-seconds // 60))
    else:
        number, text = seconds, ngettext("{count} second", "{count} seconds", seconds)
    return text.format(count=number)


class TemporaryError(DownmanError):
    """It may work later: retry."""

    code = "temporary"
    sentence = gettext_noop("The data could not be fetched. It is tried again automatically.")

    def __init__(self, *, retry_after: timedelta | None = None, **details: str | int) -> None:
        """Keep how long the source asked us to wait, where it did."""
        super().__init__(**details)
        self.retry_after = retry_after


class SourceUnavailable(TemporaryError):
    """The source cannot be reached, or says that it cannot serve now."""

    code = "source-unavailable"
    sentence = gettext_noop("The data source cannot serve this now ({reason}). It is tried again automatically.")


class SourceAsksToWait(SourceUnavailable):
    """The source says that it cannot serve now, and for how long (`Retry-After`)."""

    code = "source-asks-to-wait"
    sentence = gettext_noop(
        "The data source cannot serve this now ({reason}) and asks to wait {wait}. It is tried again automatically."
    )

    def __init__(self, *, retry_after: timedelta, reason: str) -> None:
        """Keep the time for its sentence, which is put into words only when it is shown."""
        seconds = max(1, round(retry_after.total_seconds()))
        super().__init__(retry_after=retry_after, reason=reason, wait_seconds=seconds)


class TransferInterrupted(TemporaryError):
    """The transfer broke off, stalled, or ended short."""

    code = "transfer-interrupted"
    sentence = gettext_noop(
        "The data source broke off: {received} of {expected} bytes arrived ({reason}). It is tried again automatically."
    )


class InternalFault(TemporaryError):
    """A defect of ours, or of a site's own source, met this part; the others are not touched by it."""

    code = "internal-fault"
    sentence = gettext_noop(
        "A fault of this server stopped this part; its administrators can see the details. "
        "It is tried again automatically."
    )


class NoSpace(TemporaryError):
    """The disk has no room for it."""

    code = "no-space"
    sentence = gettext_noop(
        "The server's disk is full at the moment. The work resumes automatically when there is space."
    )


class PermanentError(DownmanError):
    """It will not work later either: tell the person."""

    code = "permanent"
    sentence = gettext_noop("The data could not be fetched. Ask the portal's administrators.")


class SourceMissing(PermanentError):
    """The source does not have it (404, 410, or no such file)."""

    code = "source-missing"
    sentence = gettext_noop(
        "The data source no longer has this ({reason}). Ask the portal's administrators to correct the catalogue."
    )


class SourceRefused(PermanentError):
    """The source answered with an error that trying again does not change."""

    code = "source-refused"
    sentence = gettext_noop("The data source refused to give this ({reason}). Ask the portal's administrators.")


class AddressRefused(PermanentError):
    """The URL, or one it redirects to, is not one that downman may open."""

    code = "address-refused"
    sentence = gettext_noop(
        "The data lies at a URL that this server may not open ({reason}). "
        "Ask the portal's administrators to correct the catalogue."
    )


class SourceCorrupt(PermanentError):
    """What arrived is complete but is not what the source says it is."""

    code = "source-corrupt"
    sentence = gettext_noop("What the data source sent does not match its own checksum ({reason}).")


class SourceTooLarge(PermanentError):
    """The source sends more than it announced, or more than downman takes."""

    code = "source-too-large"
    sentence = gettext_noop("The data source sent more than the {limit} bytes that can be taken; it was stopped.")


class FileRefused(PermanentError):
    """The file is not below a folder that may be handed out."""

    code = "file-refused"
    sentence = gettext_noop(
        "The file is not in a folder that this server may hand out. "
        "Ask the portal's administrators to correct the catalogue."
    )


class ResourceWithdrawn(PermanentError):
    """The resource is no longer in the catalogue."""

    code = "resource-withdrawn"
    sentence = gettext_noop("The portal no longer offers this.")


class FormatUnavailable(PermanentError):
    """The resource is no longer offered in the format that was ordered."""

    code = "format-unavailable"
    sentence = gettext_noop("The portal no longer offers this in the format {format}.")


class RetriesExhausted(PermanentError):
    """It failed for passing reasons for too long."""

    code = "retries-exhausted"
    sentence = gettext_noop("The data source kept failing for {days} days, so it was given up. Order it again later.")


class DownloadCancelled(DownmanError):
    """The work was cancelled while it ran."""

    code = "cancelled"
    sentence = gettext_noop("It was cancelled.")


class LeaseLost(DownmanError):
    """Another worker holds the request now, or it ended meanwhile."""

    code = "lease-lost"
    sentence = gettext_noop("Another worker has taken this over.")


class IllegalTransition(DownmanError):
    """The present state does not allow the one asked for."""

    code = "illegal-transition"
    sentence = gettext_noop("This cannot be done any more: it is {status}.")

    def __init__(self, *, status: str) -> None:
        """Say the state in words."""
        super().__init__(status=describe_status(status))


class ExtensionRefused(DownmanError):
    """The links of a request are not kept any longer."""

    code = "extension-refused"
    sentence = gettext_noop(
        "The data cannot be kept any longer than they are. Download them in time, or order them again later."
    )


class ConfirmationRefused(DownmanError):
    """An e-mail address is not to be confirmed now, or its link is not sent again now."""

    code = "confirmation-refused"
    sentence = "{reason}"


class TriggerUnavailable(DownmanError):
    """Prefect could not be asked to run a job."""

    code = "trigger-unavailable"
    sentence = gettext_noop("The work could not be started ({reason}). It is started automatically later.")


class OrderRefused(DownmanError):
    """The order cannot be taken as it is. `field` says where, as a path like `resources.0.format`."""

    code = "order-refused"
    sentence = gettext_noop("{message}")

    def __init__(self, *, field: str, message: str) -> None:
        """Keep where the order is wrong and the sentence that says what to change."""
        self.field = field
        self.message = message
        super().__init__(message=message)


class LimitReached(DownmanError):
    """Nothing more is taken of this client or person for some time. `limit` is the name of what stands in the way."""

    code = "limit-reached"
    sentence = gettext_noop("{message}")

    def __init__(self, *, limit: str, message: str, retry_after: int) -> None:
        """Keep which limit it is, the sentence that says what to do, and the seconds after which to ask again."""
        self.limit = limit
        self.message = message
        self.retry_after = max(1, retry_after)
        super().__init__(message=message)


def sentences() -> dict[str, str]:
    """Return the sentence of each error by its code, for those who put stored errors into words."""
    found: dict[str, str] = {}
    pending: list[type[DownmanError]] = [DownmanError]
    while pending:
        kind = pending.pop()
        found[kind.code] = kind.sentence
        pending.extend(kind.__subclasses__())
    return found

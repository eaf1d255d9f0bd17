"""Names that do not exist, and what pydantic rejects of the values."""

from collections.abc import Iterator, Mapping

from django.conf import settings as django_settings
from django.core.checks import CheckMessage
from django.db import connection
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from downman.checks.findings import message
from downman.domain.ports import Trigger
from downman.environment import to_sentence, unknown_name, validate
from downman.loading import load_class
from downman.settings import NO_TIME_ZONES, PREFIX, SETTING_FIELDS, AppSettings, DjangoSource
from downman.sources import find_problems
from downman.storage import load_storage

#: Settings that have a finding of their own for values of the right type.
_OWN: Mapping[str, str] = {
    "behaviour": "E002",
    "private_addresses": "E003",
    "source_retry_seconds": "E007",
    "mail_retry_seconds": "E007",
    "lease_seconds": "E012",
}


def check_names() -> Iterator[CheckMessage]:
    """Find names that no setting has."""
    for name in dir(django_settings):
        if name.startswith(PREFIX) and name not in SETTING_FIELDS:
            yield message("E001", unknown_name(name, SETTING_FIELDS))


def read_valid() -> tuple[AppSettings, Mapping[str, list[CheckMessage]]]:
    """Return the settings, and the messages about each that is invalid, by name; those have their defaults."""
    values = DjangoSource(AppSettings)()
    try:
        return validate(AppSettings, values), {}
    except ValidationError as exc:
        invalid: dict[str, list[CheckMessage]] = {}
        for problem in exc.errors(include_url=False):
            field = str(problem["loc"][0])
            found = message(_number(field, problem), to_sentence(problem, AppSettings))
            messages = invalid.setdefault(field, [])
            if found not in messages:
                messages.append(found)
        rest = validate(AppSettings, {field: value for field, value in values.items() if field not in invalid})
        return rest, {name: invalid[field] for name, field in SETTING_FIELDS.items() if field in invalid}


def _number(field: str, problem: ErrorDetails) -> str:
    kind = problem["type"]
    if kind.endswith("_type"):
        return "E008"
    return _OWN.get(field, "E006" if kind.startswith(("greater_than", "less_than")) else "E008")


def check(settings: AppSettings) -> Iterator[CheckMessage]:
    """Find what cannot be loaded or used."""
    try:
        load_class(settings.trigger, Trigger, "trigger")
    except ImportError as exc:
        yield message("E005", f"DOWNLOADS_TRIGGER cannot be loaded: {exc}.")
    try:
        load_storage(settings.storage)
    except ImportError as exc:
        yield message("E028", f"DOWNLOADS_STORAGE cannot be loaded: {exc}.")
    for problem in find_problems(settings.sources):
        yield message("E027", problem)
    if connection.vendor != "postgresql":
        yield message("E024", f"The site's database is {connection.display_name}.")
    if not django_settings.USE_TZ:
        yield message("E029", NO_TIME_ZONES)

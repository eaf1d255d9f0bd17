"""What the fields of a resource may hold: one validation for the admin, the importer and whoever calls `full_clean`."""

import math
import unicodedata
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import models

#: The schemes of the sources that every portal has; a site's own source may have addresses of its own kind.
SCHEMES = {"http": ("http", "https"), "file": ("file",)}
LONGEST_URL = 4000
MOST_WORDS = 100
LONGEST_WORD = 50
LARGEST_PORT = 65_535
_LINE_BREAKS = "\n\r\t"


def validate_text(text: str) -> None:
    """Refuse what cannot be stored or shown: control characters, and halves of characters; lines may be broken."""
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in _LINE_BREAKS for char in text):
        raise ValidationError("This has a character that cannot be shown. Write it without.")


def validate_line(text: str) -> None:
    """Refuse what is not one line."""
    validate_text(text)
    if any(char in text for char in _LINE_BREAKS):
        raise ValidationError("Write this in one line.")


def validate_url(url: str) -> None:
    """Refuse what is no URL, and one with a login: a password does not belong into a catalogue."""
    validate_line(url)
    if url != url.strip():
        raise ValidationError("Leave out the space around the URL.")
    if len(url) > LONGEST_URL:
        raise ValidationError(f"Write at most {LONGEST_URL} characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise ValidationError(f"This is not a URL: {exc}.") from exc
    if not parts.scheme or " " in parts.netloc:
        raise ValidationError("This is not a URL. Write it like https://example.org/data.tif.")
    if "@" in parts.netloc:
        raise ValidationError("Leave the user and the password out of the URL.")
    if port == 0:
        raise ValidationError(f"The port must be from 1 to {LARGEST_PORT}.")
    if parts.scheme in SCHEMES["http"] and not _is_host(parts.hostname or ""):
        raise ValidationError("The URL names no host. Write it like https://example.org/data.tif.")


def validate_scheme(source: str, url: str) -> None:
    """Refuse a URL that the source cannot open."""
    schemes = SCHEMES.get(source)
    try:
        parts = urlsplit(url)
    except ValueError:
        return  # `validate_url` says so.
    if schemes and parts.scheme not in schemes:
        raise ValidationError(f"The source {source} opens {' and '.join(f'{name}://' for name in schemes)} only.")
    if source == "file" and (parts.netloc not in {"", "localhost"} or not parts.path.startswith("/")):
        raise ValidationError("Write the whole path of the file on the server: file:///folder/file.")


def _is_host(host: str) -> bool:
    try:
        ascii_host = host.encode("idna") if not host.isascii() else host.encode()
    except UnicodeError:
        return False
    return bool(ascii_host.strip(b".")) and not set(ascii_host) & set(b"\\^`{|}<>\"' ")


class CheckedJSONField(models.JSONField):
    """A JSON value of one shape; what else lies in the database reads as nothing."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Read it; a row that somebody wrote past all validation must not break a page."""
        read = super().from_db_value(value, expression, connection)
        return read if self.has_shape(read) else self.get_default()

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """Check it first: what follows says of `null` only that it cannot be null."""
        self.check_value(value)
        return super().clean(value, model_instance)

    def has_shape(self, value: Any) -> bool:
        """Return whether code that reads it can rely on its types."""
        raise NotImplementedError

    def check_value(self, value: Any) -> None:
        """Raise `ValidationError` for what it may not hold."""
        raise NotImplementedError


class WordsField(CheckedJSONField):
    """A list of words, each once."""

    #: Django validates none of these; `{}` is one for it.
    empty_values = ([],)

    def has_shape(self, value: Any) -> bool:
        """Return whether it is a list of texts."""
        return isinstance(value, list) and all(isinstance(item, str) for item in value)

    def check_value(self, value: Any) -> None:
        """Refuse what is no list of words."""
        if not self.has_shape(value):
            raise ValidationError('This must be a list of words, such as ["GeoTIFF", "PNG"].')
        if len(value) > MOST_WORDS or any(not item.strip() or len(item) > LONGEST_WORD for item in value):
            raise ValidationError(
                f"This must be at most {MOST_WORDS} words of 1 to {LONGEST_WORD} characters, none of them empty."
            )
        if len({item.casefold() for item in value}) < len(value):
            raise ValidationError("One of the words stands twice.")
        for item in value:
            validate_line(item)


class ExtentField(CheckedJSONField):
    """West, south, east and north in degrees, or nothing."""

    empty_values = (None,)

    def has_shape(self, value: Any) -> bool:
        """Return whether it is nothing, or four finite numbers."""
        is_list = isinstance(value, list) and len(value) == len(("west", "south", "east", "north"))
        return value is None or (is_list and all(map(_is_number, value)))

    def check_value(self, value: Any) -> None:
        """Refuse what is not on the earth; west is greater than east where the data cross the antimeridian."""
        if not self.has_shape(value):
            raise ValidationError("This must be four numbers: [west, south, east, north] in degrees.")
        if value is None:
            return
        west, south, east, north = value
        if not (-180 <= west <= 360 and -180 <= east <= 360 and -90 <= south <= north <= 90):  # noqa: PLR2004 - degrees
            raise ValidationError("This is not on the earth: [west, south, east, north] in degrees, south below north.")


def _is_number(value: Any) -> bool:
    """Return whether a value of JSON is a number that a float can be; `true` is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False

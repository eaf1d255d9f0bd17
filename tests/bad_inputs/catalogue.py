"""Entries of the catalogue that are refused, by the importer as by the admin: `given` replaces fields of a good one."""

from typing import Any

from tests.bad_inputs import Case

TITLE = "Entries of the catalogue"


def _case(words: str, expected: str, **given: Any) -> Case:
    return Case(input=words, answer=f"refused: {expected}", given=given, expected=expected)


BOTH = (
    _case("`ftp://`", "The source http opens http:// and https:// only", url="ftp://example.org/a.tif"),
    _case("`javascript:`", "The source http opens", url="javascript:alert(1)"),
    _case("a file's URL for the source `http`", "The source http opens", url="file:///etc/passwd"),
    _case("a web address for the source `file`", "The source file opens", source="file", url="https://example.org/a"),
    _case("a file of another machine", "Write the whole path", source="file", url="file://server/share/a.tif"),
    _case("user and password", "Leave the user and the password out", url="https://me:hunter2@example.org/a.tif"),
    _case("a user alone", "Leave the user and the password out", url="https://me@example.org/a.tif"),
    _case("port 99999", "Port out of range", url="https://example.org:99999/a.tif"),
    _case("port 0", "The port must be from 1", url="https://example.org:0/a.tif"),
    _case("a port that is no number", "This is not a URL", url="https://example.org:80a/a.tif"),
    _case("no host", "names no host", url="https:///a.tif"),
    _case("a host with a space", "This is not a URL", url="https://exa mple.org/a.tif"),
    _case("half of a network address", "This is not a URL", url="https://[::1/a.tif"),
    _case("no scheme", "This is not a URL", url="example.org/a.tif"),
    _case("a line break in a URL", "Write this in one line", url="https://example.org/a\nX: y"),
    _case("a NUL in a URL", "a character that cannot be", url="https://example.org/\0"),
    _case("a URL of 5,000 characters", "at most 4000", url="https://example.org/" + "a" * 5_000),
    _case("`formats: {}`", "must be a list of words", formats={}),
    _case('`formats: "GeoTIFF"`', "must be a list of words", formats="GeoTIFF"),
    _case("`formats: null`", "must be a list of words", formats=None),
    _case("a format that is a number", "must be a list of words", formats=[1]),
    _case("an empty format", "none of them empty", formats=["GeoTIFF", " "]),
    _case("a format twice", "stands twice", formats=["GeoTIFF", "geotiff"]),
    _case("an extent of three numbers", "must be four numbers", extent=[1, 2, 3]),
    _case("an extent of `true`", "must be four numbers", extent=[True, 2, 3, 4]),
    _case("an extent that is an object", "must be four numbers", extent={"west": 1}),
    _case("an extent beyond the earth", "not on the earth", extent=[0, -91, 1, 91]),
    _case("an extent with south above north", "not on the earth", extent=[0, 5, 1, 4]),
    _case("a size below 0", "greater than or equal to 0", size_bytes=-1),
    _case("a size that no database keeps", "less than or equal to", size_bytes=2**63),
    _case("an id with a slash", "Letters, digits", id="../dem"),
    _case("an id with a NUL", "character that cannot be", id="dem\0"),
    _case("an id of 101 characters", "at most 100 characters", id="a" * 101),
    _case("a title of two lines", "Write this in one line", title="Elevation\nBcc: x"),
    _case("half a character in a title", "character that cannot be", title="\ud800"),
    _case("an escape character in a summary", "character that cannot be shown", summary="\x1b[31m"),
    _case("no title", "cannot be blank", title=""),
    _case("an unknown source", "There is no source", source="gopher"),
)
#: What a form cannot say: only the importer meets it.
OF_TYPES = (
    _case("an id with a line feed at its end", "Letters, digits", id="dem\n"),
    _case("a title that is a number", "title: This must be a text", title=5),
    _case("a title that is an object", "title: This must be a text", title={}),
    _case("a URL that is a list", "url: This must be a text", url=["https://example.org/a"]),
    _case('`restricted: "no"`', "restricted: This must be true or false", restricted="no"),
    _case("`offered: 1`", "offered: This must be true or false", offered=1),
    _case("a size of `true`", "size_bytes: This must be a whole number", size_bytes=True),
    _case("a size of 1.5", "size_bytes: This must be a whole number", size_bytes=1.5),
    _case("`id: null`", "id: This must be a text", id=None),
    _case("a field that is not known", "which is not known", colour="red"),
)
CASES = (*BOTH, *OF_TYPES)

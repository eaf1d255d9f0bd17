"""What an HTTP source may answer: `given` is the script of its answers, `expected` how the fetch ends."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass

from downman.domain.errors import (
    AddressRefused,
    DownmanError,
    SourceAsksToWait,
    SourceMissing,
    SourceRefused,
    SourceUnavailable,
    TemporaryError,
    TransferInterrupted,
)
from tests.bad_inputs import Case
from tests.scripted_server import Reply

TITLE = "Answers of HTTP sources"

#: The first version of the data, and another one of the same length.
DATA = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(250))
OTHER = DATA[::-1]
TOTAL = len(DATA)
CUT = 3000
DATE = "Date: Thu, 01 Jan 2026 12:00:00 GMT"
MODIFIED = "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT"


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """The file is delivered."""

    data: bytes = DATA
    proof: str = "content-length"
    requests: int = 1

    def __str__(self) -> str:
        """Return it in words."""
        which = {DATA: "", OTHER: ", the other version alone"}.get(self.data, "")
        times = "" if self.requests == 1 else f", after {self.requests} requests"
        return f"delivered{which}{times}; proof `{self.proof}`"


@dataclass(frozen=True, kw_only=True)
class Failed:
    """It is not delivered."""

    error: type[DownmanError]
    words: str
    requests: int = 1

    def __str__(self) -> str:
        """Return it in words."""
        later = "; tried again later" if issubclass(self.error, TemporaryError) else ""
        return f"`{self.error.code}` ({self.words}){later}"


def ok(body: bytes = DATA, *headers: str, length: int | None = None, status: str = "200 OK") -> Reply:
    return Reply(
        status=status, headers=(f"Content-Length: {len(body) if length is None else length}", *headers), body=body
    )


def cut(*headers: str, data: bytes = DATA) -> Reply:
    """Announce all, and end after the first bytes."""
    return ok(data[:CUT], *headers, length=len(data))


def rest(*headers: str, data: bytes = DATA, first: int = CUT, total: int | str = TOTAL) -> Reply:
    return ok(
        data[first:], f"Content-Range: bytes {first}-{len(data) - 1}/{total}", *headers, status="206 Partial Content"
    )


def to(place: str, *headers: str, status: str = "302 Found") -> Reply:
    return Reply(status=status, headers=(f"Location: {place}", "Content-Length: 0", *headers))


def empty(status: str, *headers: str) -> Reply:
    return Reply(status=status, headers=("Content-Length: 0", *headers))


def bare(body: bytes, version: str = "HTTP/1.0", *headers: str) -> Reply:
    """Say no length: the end of the connection is the end of the body."""
    return Reply(version=version, headers=headers, body=body)


def _case(what: str, expected: Delivered | Failed, *script: Reply) -> Case:
    return Case(input=what, answer=str(expected), given=script, expected=expected)


_V1, _V2 = 'ETag: "v1"', 'ETag: "v2"'
_UNAVAILABLE = Failed(error=SourceUnavailable, words="status", requests=5)

RESUMED = (
    _case("cut in the middle, then the rest under the same strong tag", Delivered(requests=2), cut(_V1), rest(_V1)),
    _case(
        "the same, of a total that is not said",
        Delivered(requests=2),
        cut(_V1, "Accept-Ranges: bytes"),
        rest(_V1, total="*"),
    ),
    _case(
        "the same, under a date that is strong",
        Delivered(requests=2),
        cut(MODIFIED, DATE, "Accept-Ranges: bytes"),
        rest(MODIFIED, DATE),
    ),
    *(
        _case(f"cut in the middle, then {what}", Delivered(data=OTHER, requests=3), first, second, ok(OTHER))
        for what, first, second in (
            ("a right range without a validator", cut(_V1), rest(data=OTHER)),
            ("a right range of another tag", cut(_V1), rest(_V2, data=OTHER)),
            ("a right range of the same tag, made weak", cut(_V1), rest('ETag: W/"v1"', data=OTHER)),
            (
                "a right range of the same tag, and another date",
                cut(_V1, MODIFIED),
                rest(_V1, DATE.replace("Date", "Last-Modified"), data=OTHER),
            ),
            ("a right range of another total", cut(_V1), rest(_V1, data=OTHER, total=TOTAL + 1)),
            ("a right range, encoded", cut(_V1), rest(_V1, "Content-Encoding: gzip", data=OTHER)),
            (
                "a right range of another media type",
                cut(_V1, "Content-Type: image/tiff"),
                rest(_V1, "Content-Type: text/html", data=OTHER),
            ),
            ("a range that begins elsewhere", cut(_V1), rest(_V1, data=OTHER, first=CUT + 1)),
            (
                "several ranges at once",
                cut(_V1),
                ok(OTHER, _V1, "Content-Type: multipart/byteranges; boundary=x", status="206 Partial Content"),
            ),
            ("`416`", cut(_V1), empty("416 Range Not Satisfiable", f"Content-Range: bytes */{CUT}")),
            (
                "a range without the date that was asked for",
                cut(MODIFIED, DATE, "Accept-Ranges: bytes"),
                rest(DATE, data=OTHER),
            ),
            (
                "a range under that date, made weak by its own",
                cut(MODIFIED, DATE, "Accept-Ranges: bytes"),
                rest(MODIFIED, MODIFIED.replace("Last-Modified", "Date"), data=OTHER),
            ),
            (
                "a range under that date, with a tag",
                cut(MODIFIED, DATE, "Accept-Ranges: bytes"),
                rest(MODIFIED, DATE, _V1, data=OTHER),
            ),
        )
    ),
    *(
        _case(
            f"cut in the middle, {what}, then another version", Delivered(data=OTHER, requests=2), first, ok(OTHER, _V2)
        )
        for what, first in (
            ("with a strong tag", cut(_V1)),
            ("with a weak tag", cut('ETag: W/"v1"', MODIFIED, DATE, "Accept-Ranges: bytes")),
            ("without a validator", cut("Accept-Ranges: bytes")),
            (
                "with a date of the same second",
                cut(MODIFIED, MODIFIED.replace("Last-Modified", "Date"), "Accept-Ranges: bytes"),
            ),
            ("with `Accept-Ranges: none`", cut(_V1, "Accept-Ranges: none")),
        )
    ),
    _case(
        "cut in the middle, then the whole as a range that nobody asked for",
        Delivered(data=OTHER, requests=2),
        cut(_V1),
        rest(_V2, data=OTHER, first=0),
    ),
)

STATUSES = (
    _case("`202` with `Retry-After`, then `200`", Delivered(requests=2), empty("202 Accepted", "Retry-After: 0"), ok()),
    _case(
        "`202` without end", Failed(error=SourceUnavailable, words="still preparing", requests=5), empty("202 Accepted")
    ),
    _case("`204`, then `200`", Delivered(requests=2), Reply(status="204 No Content"), ok()),
    _case("`205`", Failed(error=SourceUnavailable, words="no data", requests=5), empty("205 Reset Content")),
    _case("`201`, then `200`", Delivered(requests=2), empty("201 Created"), ok()),
    _case("`203`, of a proxy that changed something", Delivered(), ok(status="203 Non-Authoritative Information")),
    _case("`403`", Failed(error=SourceRefused, words="status 403"), empty("403 Forbidden")),
    _case(
        "`403` with `Retry-After`, then `200`", Delivered(requests=2), empty("403 Forbidden", "Retry-After: 0"), ok()
    ),
    _case(
        "`404` with `Retry-After`, then `200`", Delivered(requests=2), empty("404 Not Found", "Retry-After: 0"), ok()
    ),
    _case("`404`", Failed(error=SourceMissing, words="status 404"), empty("404 Not Found")),
    _case(
        "`410` with `Retry-After`", Failed(error=SourceMissing, words="status 410"), empty("410 Gone", "Retry-After: 0")
    ),
    _case("`451`", Failed(error=SourceRefused, words="status 451"), empty("451 Unavailable For Legal Reasons")),
    _case("`429`, then `200`", Delivered(requests=2), empty("429 Too Many Requests"), ok()),
    *(
        _case(f"`{status.split()[0]}`, then `200`", Delivered(requests=2), empty(status), ok())
        for status in (
            "408 Request Timeout",
            "409 Conflict",
            "416 Range Not Satisfiable",
            "418 I'm a teapot",
            "421 Misdirected Request",
            "423 Locked",
            "425 Too Early",
            "500 Internal Server Error",
            "502 Bad Gateway",
            "503 Service Unavailable",
            "507 Insufficient Storage",
            "511 Login",
            "520 Unknown Error",
            "522 Timed Out",
            "530 Frozen",
            "299 Unknown",
            "499 Unknown",
            "599 Unknown",
            "304 Not Modified",
            "300 Multiple Choices",
            "305 Use Proxy",
        )
    ),
    _case("`501` to GET", Failed(error=SourceRefused, words="status 501"), empty("501 Not Implemented")),
    _case("an unknown status of six hundred", _UNAVAILABLE, empty("600 Unknown")),
    _case(
        "`503` with `Retry-After: 604800`",
        Failed(error=SourceAsksToWait, words="asks to wait 7 days"),
        empty("503 Service Unavailable", "Retry-After: 604800"),
    ),
    _case(
        "`429` with a date far away as `Retry-After`",
        Failed(error=SourceAsksToWait, words="asks to wait 365 days"),
        empty("429 Too Many Requests", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"),
    ),
    _case(
        "`503` with a date of the past as `Retry-After`, then `200`",
        Delivered(requests=2),
        empty("503 Service Unavailable", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT"),
        ok(),
    ),
    _case(
        "`503` with `Retry-After: -5`, then `200`",
        Delivered(requests=2),
        empty("503 Service Unavailable", "Retry-After: -5"),
        ok(),
    ),
    _case(
        "`503` with `Retry-After: soon`, then `200`",
        Delivered(requests=2),
        empty("503 Service Unavailable", "Retry-After: soon"),
        ok(),
    ),
    _case("the whole file as `206`, unasked", Delivered(), rest(first=0)),
    _case(
        "a part as `206`, unasked, then the whole",
        Delivered(requests=2),
        ok(DATA[:CUT], f"Content-Range: bytes 0-{CUT - 1}/{TOTAL}", status="206 Partial Content"),
        ok(),
    ),
    _case(
        "`206` that does not say which part, then the whole",
        Delivered(requests=2),
        ok(status="206 Partial Content"),
        ok(),
    ),
    _case(
        "`103 Early Hints` before it",
        Delivered(),
        Reply(
            before=b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", headers=(f"Content-Length: {TOTAL}",), body=DATA
        ),
    ),
)

REDIRECTS = (
    _case("six redirects", Delivered(requests=7), *(to(f"/{number}") for number in range(6)), ok()),
    _case("twenty redirects", Delivered(requests=21), *(to(f"/{number}") for number in range(20)), ok()),
    _case(
        "twenty-one redirects",
        Failed(error=SourceRefused, words="too many redirects", requests=21),
        *(to(f"/{number}") for number in range(21)),
        ok(),
    ),
    _case(
        "a redirect to itself that sets a cookie",
        Delivered(requests=2),
        to("/data.bin", "Set-Cookie: seen=1; Path=/"),
        ok(),
    ),
    _case(
        "a redirect to itself that changes nothing",
        Failed(error=SourceRefused, words="too many redirects"),
        to("/data.bin"),
    ),
    _case(
        "a redirect to itself that sets another cookie each time",
        Failed(error=SourceRefused, words="too many redirects", requests=21),
        *(to("/data.bin", f"Set-Cookie: seen={number}; Path=/") for number in range(21)),
    ),
    _case(
        "two redirects that lead to each other",
        Failed(error=SourceRefused, words="too many redirects", requests=2),
        to("/other"),
        to("/data.bin"),
    ),
    *(
        _case(f"`{status.split()[0]}`", Delivered(requests=2), to("/there", status=status), ok())
        for status in (
            "300 Multiple Choices",
            "301 Moved Permanently",
            "303 See Other",
            "307 Temporary Redirect",
            "308 Permanent Redirect",
        )
    ),
    _case("a redirect without a place, then `200`", Delivered(requests=2), empty("302 Found"), ok()),
    _case("a relative place", Delivered(requests=2), to("there/data.bin?x=1#part"), ok()),
    _case("a place without a scheme", Delivered(requests=2), to("//127.0.0.1:{port}/there"), ok()),
    _case("a place with spaces", Delivered(requests=2), to("/the data.bin"), ok()),
    _case("a place in UTF-8, unescaped", Delivered(requests=2), to("/espa\u00c3\u00b1a.bin"), ok()),
    _case("a place in ISO-8859-1, unescaped", Delivered(requests=2), to("/espa\u00f1a.bin"), ok()),
    _case(
        "a place in a private network", Failed(error=AddressRefused, words="private network"), to("http://10.0.0.1/x")
    ),
    _case(
        "a place at another port of this machine, of a resource that is allowed at its own",
        Failed(error=AddressRefused, words="private network"),
        to("http://127.0.0.1:9999/x"),
    ),
    _case(
        "the same machine under another name",
        Failed(error=AddressRefused, words="private network"),
        to("http://localhost:{port}/x"),
    ),
    _case("a place that is a file", Failed(error=AddressRefused, words="not an http"), to("file:///etc/passwd")),
)

ENCODINGS = (
    *(
        _case(f"`Content-Encoding: {name}`, of what is not encoded", Delivered(), ok(DATA, f"Content-Encoding: {name}"))
        for name in ("utf-8", "none", "identity", "binary", "UTF-8, identity", "8bit")
    ),
    *(
        _case(f"`Content-Encoding: {name}`", Delivered(), ok(body, f"Content-Encoding: {name}"))
        for name, body in (
            ("gzip", gzip.compress(DATA)),
            ("x-gzip", gzip.compress(DATA)),
            ("GZIP", gzip.compress(DATA)),
            ("identity, gzip", gzip.compress(DATA)),
            ("gzip, utf-8", gzip.compress(DATA)),
            ("gzip, gzip", gzip.compress(gzip.compress(DATA))),
            ("deflate, gzip", gzip.compress(zlib.compress(DATA))),
            ("deflate", zlib.compress(DATA)),
        )
    ),
    _case("`deflate` without its wrapper", Delivered(), ok(zlib.compress(DATA)[2:-4], "Content-Encoding: deflate")),
    _case(
        "gzip in two members",
        Delivered(),
        ok(gzip.compress(DATA[:CUT]) + gzip.compress(DATA[CUT:]), "Content-Encoding: gzip"),
    ),
    _case("gzip followed by zeros", Delivered(), ok(gzip.compress(DATA) + bytes(1000), "Content-Encoding: gzip")),
    _case("gzip followed by one zero", Delivered(), ok(gzip.compress(DATA) + b"\0", "Content-Encoding: gzip")),
    _case(
        "gzip in two members with zeros between and after them",
        Delivered(),
        ok(gzip.compress(DATA[:CUT]) + bytes(7) + gzip.compress(DATA[CUT:]) + bytes(9), "Content-Encoding: gzip"),
    ),
    _case(
        "gzip followed by a line break",
        Delivered(proof="read-twice", requests=2),
        ok(gzip.compress(DATA) + b"\n", "Content-Encoding: gzip"),
    ),
    _case(
        "gzip without its end",
        Failed(error=TransferInterrupted, words="encoded data ended early", requests=5),
        ok(gzip.compress(DATA)[:-20], "Content-Encoding: gzip"),
    ),
    _case(
        "`gzip`, of what is not encoded",
        Failed(error=TransferInterrupted, words="encoded data is broken", requests=5),
        ok(DATA, "Content-Encoding: gzip"),
    ),
    *(
        _case(
            f"`Content-Encoding: {name}`, which nobody asked for",
            Failed(error=SourceRefused, words="encoding that was not asked for"),
            ok(DATA, f"Content-Encoding: {name}"),
        )
        for name in ("br", "zstd", "gzip, br")
    ),
)

FRAMING = (
    _case("HTTP/1.0 without a length", Delivered(proof="read-twice", requests=2), bare(DATA)),
    _case(
        "HTTP/1.0 without a length, cut the first time",
        Delivered(proof="read-twice", requests=3),
        bare(DATA[:CUT]),
        bare(DATA),
    ),
    _case(
        "HTTP/1.0 whose text changes each time",
        Delivered(data=DATA + b"3", proof="unproven", requests=3),
        *(bare(DATA + str(number).encode()) for number in (1, 2, 3)),
    ),
    _case(
        "HTTP/1.1 without a length whose text changes each time",
        Delivered(data=DATA + b"3", proof="unproven", requests=3),
        *(bare(DATA + str(number).encode(), "HTTP/1.1") for number in (1, 2, 3)),
    ),
    _case(
        "the same, cut the third time",
        Delivered(data=DATA + b"4", proof="unproven", requests=4),
        bare(DATA + b"1"),
        bare(DATA + b"2"),
        bare(DATA[:CUT]),
        bare(DATA + b"4"),
    ),
    _case(
        "HTTP/1.0 with a length",
        Delivered(),
        Reply(version="HTTP/1.0", headers=(f"Content-Length: {TOTAL}",), body=DATA),
    ),
    _case("two lengths that agree", Delivered(), ok(DATA, f"Content-Length: {TOTAL}")),
    _case(
        "a length written twice in one header",
        Delivered(),
        Reply(headers=(f"Content-Length: {TOTAL}, {TOTAL}",), body=DATA),
    ),
    _case(
        "two lengths that differ",
        Failed(error=TransferInterrupted, words="ended early", requests=5),
        ok(DATA, f"Content-Length: {TOTAL + 1}"),
    ),
    _case(
        "chunks beside a length",
        Delivered(proof="chunked"),
        Reply(
            headers=("Content-Length: 5", "Transfer-Encoding: chunked"), body=b"%x\r\n%b\r\n0\r\n\r\n" % (TOTAL, DATA)
        ),
    ),
    _case(
        "chunks without the last one",
        Failed(error=TransferInterrupted, words="ended early", requests=5),
        Reply(headers=("Transfer-Encoding: chunked",), body=b"%x\r\n%b\r\n" % (TOTAL, DATA)),
    ),
    _case("less than the length", Failed(error=TransferInterrupted, words="ended early", requests=5), cut()),
    _case("nothing at all, then the file", Delivered(requests=2), Reply(hangs=True), ok()),
    _case(
        "a length of 30 digits",
        Failed(error=TransferInterrupted, words="ended early", requests=5),
        Reply(headers=("Content-Length: " + "9" * 30,), body=DATA),
    ),
    _case(
        "what is no HTTP",
        Failed(error=TransferInterrupted, words="ended early", requests=5),
        Reply(version="SSH-2.0-x", status=""),
    ),
)

CASES = (*RESUMED, *STATUSES, *REDIRECTS, *ENCODINGS, *FRAMING)

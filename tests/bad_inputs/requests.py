"""What clients send to a site that no browser would: every route answers it, and never with 500.

`given` is what `tests/integration/test_nasty_requests.py` sends; `expected` the status of the API, where it is one.
"""

import json
from typing import Any

from tests.bad_inputs import Case

TITLE = "Requests to the site"

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data; boundary=x"


def _path(words: str, given: str, answer: str = "404") -> Case:
    return Case(input=f"in a path: {words}", answer=answer, given=given)


PARTS_OF_PATHS = (
    _path("`%00`", "%00", "400 or 404"),
    _path("`%00` within a word", "a%00b", "400 or 404"),
    _path("bytes that are no UTF-8 (`%ff`)", "%ff%fe"),
    _path("half a character (`%ed%a0%80`)", "%ed%a0%80"),
    _path("4,400 digits", "9" * 4_400),
    _path("20 digits", "9" * 20),
    _path("a negative number", "-1"),
    _path("3,000 letters", "a" * 3_000),
    _path("`../` encoded", "..%2f..%2fetc%2fpasswd"),
    _path("a line break and a header", "%0d%0aX-Nasty:%20yes"),
    _path("an emoji and markup", "%F0%9F%8E%88%3Cscript%3E"),
    _path("a UUID in braces", "%7B0b7c5a52-6a43-4f7c-9d3e-2f2c7be0a111%7D"),
)


def _query(words: str, given: str) -> Case:
    return Case(input=f"in a query: {words}", answer="the page without it, or 400 to 422", given=given)


QUERIES = (
    _query("`?language=%00`", "language=%00"),
    _query("`?q=%00`", "q=%00"),
    _query("`?q=` with half a character", "q=%ed%a0%80"),
    _query("`?resource=%00`", "resource=%00&resource=dem"),
    _query("`?status__exact=%00`", "status__exact=%00"),
    _query("`?created_at__gte=` a date that cannot be", "created_at__gte=9999999-99-99"),
    _query("`?created_at__year=` 4,400 digits", "created_at__year=" + "9" * 4_400),
    _query("`?id=` 4,400 digits", "id=" + "9" * 4_400),
    _query("`?limit=-1`", "limit=-1&offset=-1"),
    _query("`?limit=` and `?offset=` of 30 digits", f"limit={'9' * 30}&offset={'9' * 30}"),
    _query("`?limit=` 4,400 digits", "limit=" + "9" * 4_400),
    _query("`?limit=NaN`", "limit=NaN&offset=1e400"),
    _query("`?o=` and `?p=` that are no numbers", "o=..-9.x&p=9" + "9" * 30),
    _query("`?next=` another site, with a NUL", "next=%00//evil.example"),
    _query("a name with NUL, and nothing before `=`", "%00=1&==&&=a&[]=b"),
    _query("2,000 names", "&".join(f"a{number}=1" for number in range(2_000))),
    _query("`?_to_field=` a field that is no key", "_to_field=public_id&_popup=1"),
    _query("`?app_label=` and `?model_name=` of nothing", "app_label=%00&model_name=x&field_name=y&term=%00"),
)


def _header(words: str, **given: str) -> Case:
    return Case(input=f"header {words}", answer="as without it, or 400 to 416", given=given)


HEADERS = (
    _header("`Range` with 4,400 digits", HTTP_RANGE="bytes=" + "9" * 4_400 + "-"),
    _header("`Range` that ends in 4,400 digits", HTTP_RANGE="bytes=0-" + "9" * 4_400),
    _header("`Range` in reverse, and of other units", HTTP_RANGE="bytes=5-1, pages=1-2"),
    _header("`Range` with other digits than ours", HTTP_RANGE="bytes=\u0661-\u0662"),
    _header("`If-Range` that is nothing", HTTP_RANGE="bytes=0-1", HTTP_IF_RANGE='W/"\0"'),
    _header("`If-None-Match` that is nothing", HTTP_IF_NONE_MATCH='"\0', HTTP_IF_MATCH="*,,"),
    _header(
        "`If-Modified-Since` a date that cannot be",
        HTTP_IF_MODIFIED_SINCE="Sun, 99 Feb 99999 99:99:99 GMT",
        HTTP_IF_UNMODIFIED_SINCE="-1",
    ),
    _header(
        "`Cookie` with NUL in octal", HTTP_COOKIE='sessionid="\\000aaaaaaaaaa"; csrftoken="\\000"; messages="\\000"'
    ),
    _header("`Cookie` that is nothing", HTTP_COOKIE="=;;; sessionid=\xff; messages=[[; django_language=\0"),
    _header("`Accept-Language` that is nothing", HTTP_ACCEPT_LANGUAGE="*;q=9,\0-\0;q=x," + "a-" * 3_000),
    _header("`Accept` and `Accept-Encoding` that are nothing", HTTP_ACCEPT="/;;q=\0", HTTP_ACCEPT_ENCODING=";q=nan"),
    _header("`Host` of nobody", HTTP_HOST="evil.example:99999"),
    _header("`Host` that is nothing", HTTP_HOST="[::1"),
    _header("`Host` with NUL", HTTP_HOST="test\0server"),
    _header("`Content-Length` that is nothing", CONTENT_LENGTH="nonsense"),
    _header("`Authorization` that is nothing", HTTP_AUTHORIZATION="Bearer \xff\0", HTTP_X_CSRFTOKEN="\0"),
    _header("`Forwarded` that is nothing", HTTP_X_FORWARDED_FOR="\0, 999.1.1.1, [", HTTP_FORWARDED='for="_\0'),
    _header("`Content-Type` that is nothing on a GET", CONTENT_TYPE="a/b/c; charset=nonsense; ="),
    _header("`Referer` and `Origin` that are nothing", HTTP_REFERER="http://[", HTTP_ORIGIN="null\0"),
)


def _order(**changes: Any) -> str:
    return json.dumps({"email": "ana@example.org", "resources": [{"resource": "dem", **changes}]})


def _body(words: str, given: Any, expected: int | None = None, content_type: str = _JSON) -> Case:
    answer = str(expected) if expected else "as it was asked for, or 4xx"
    body = given.encode() if isinstance(given, str) else given
    return Case(input=f"body {words}", answer=answer, given=(content_type, body), expected=expected)


BODIES = (
    _body("half a character in a text", _order(format="\ud800"), 422),
    _body("half a character in a name", '{"\\ud800": 1}', 422),
    _body("NUL in a text", _order(crs="EPSG:\0"), 422),
    _body("NUL in a name", '{"email": "ana@example.org", "map_view": {"\\u0000": 1}}', 422),
    _body("a view of the map, nested 900 deep", '{"map_view": ' + '{"a":' * 900 + "1" + "}" * 900 + "}", 422),
    _body("lists in each other, 100,000 deep", "[" * 100_000 + "]" * 100_000, 422),
    _body("nested 33 deep", '{"map_view": ' + "[" * 33 + "]" * 33 + "}", 422),
    _body("`NaN`", '{"resources": [{"bbox": [NaN, 1, 2, 3]}]}', 422),
    _body("`-Infinity`", '{"resources": [{"bbox": [-Infinity, 1, 2, 3]}]}', 422),
    _body("`1e400`", '{"resources": [{"bbox": [1e400, 1, 2, 3]}]}', 422),
    _body("a whole number of 4,400 digits", '{"resources": [{"bbox": [' + "9" * 4_400 + ", 1, 2, 3]}]}", 422),
    _body("a name twice", '{"email": "ana@example.org", "email": "eve@example.org"}', 422),
    _body("bytes that are no UTF-8", b'{"email": "\xff\xfe"}', 400),
    _body("an order that ends in the middle", '{"email": "ana@ex', 400),
    _body("two orders", "{}{}", 400),
    _body("without a byte", b"", None),
    _body("a list in the place of an order", "[]", 422),
    _body("`null`", "null", 422),
    _body("10 MB", '{"email": "' + "x" * 10_000_000 + '"}', 413),
    _body("called XML", "<a/>", 415, "application/xml"),
    _body("called nothing", "{}", 415, "a/b/c; charset=nonsense"),
    _body("JSON called UTF-7", "{}", None, "application/json; charset=utf-7"),
    _body("a form with NUL", "email=%00&description=%00&language=%00&username=%00&password=%00", None, _FORM),
    _body("a form with bytes that are no UTF-8", b"email=%ff\xff&language=\xed\xa0\x80&minx=nan&crs=%00", None, _FORM),
    _body("a form in a charset that is none", "a=1", None, f"{_FORM}; charset=nonsense"),
    _body("a form of 2,000 fields", "&".join(f"f{number}=1" for number in range(2_000)), None, _FORM),
    _body("a form with numbers that are none", "minx=1e400&miny=9&maxx=NaN&maxy=" + "9" * 4_400, None, _FORM),
    _body("a form with other languages", "language=xx-\0&next=http://[", None, _FORM),
    _body(
        "a form in parts without an end", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n', None, _MULTIPART
    ),
    _body("a form in parts that is none", b"\0\xff", None, _MULTIPART),
    _body("a form in parts without a boundary", b"--x--", None, "multipart/form-data"),
    _body(
        "a form in parts with a file's name that is none",
        b"--x\r\nContent-Disposition: form-data; name=\"email\"; filename*=nonsense''%ff\r\n\r\na\r\n--x--\r\n",
        None,
        _MULTIPART,
    ),
)

CASES = (*PARTS_OF_PATHS, *QUERIES, *HEADERS, *BODIES)

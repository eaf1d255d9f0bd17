"""What sources call their files."""

from tests.bad_inputs import Case, shown

TITLE = "Names that sources give"


def _disposed(value: str, expected: str, why: str) -> Case:
    return Case(input=f"{why}: {shown(value)}", answer=shown(expected), given=("", value, ""), expected=expected)


def _located(url: str, expected: str, why: str, *, final_url: str = "") -> Case:
    then = f", then redirected to {shown(final_url)}" if final_url else ""
    return Case(
        input=f"{why}: {shown(url)}{then}", answer=shown(expected), given=(url, None, final_url), expected=expected
    )


#: (URL, `Content-Disposition`, last URL), and what `get_file_name` makes of them; an empty URL stands for one of
#: `url.tif`.
CASES = (
    _disposed("attachment; filename*=utf-7''a+AC0-b.tif", "url.tif", "a character set that is none of HTTP"),
    _disposed("attachment; filename*=idna''x", "url.tif", "a codec that is no character set"),
    _disposed("attachment; filename*=undefined''x", "url.tif", "a codec that raises"),
    _disposed("attachment; filename*=hex''616263; filename=a.tif", "a.tif", "a codec of bytes, and a plain name"),
    _disposed("attachment; filename*=x; filename=a.tif", "a.tif", "no character set at all, and a plain name"),
    _disposed("attachment; filename*=UTF-8''h%C3%B6he.tif", "höhe.tif", "as it should be"),
    _disposed("attachment; filename=b.tif; filename*=UTF-8''a.tif", "a.tif", "both: the extended one counts"),
    _disposed("attachment; filename*=iso-8859-1'es'espa%F1a.csv", "españa.csv", "the other character set of HTTP"),
    _disposed("attachment; filename*=UTF-8''espa%F1a.csv", "españa.csv", "a byte that is not of the character set"),
    _disposed('attachment; filename="=?UTF-8?Q?espa=C3=B1a.csv?="', "españa.csv", "an encoded word of mails"),
    _disposed("attachment; filename==?utf-8?B?ZXNwYcOxYS5jc3Y=?=", "españa.csv", "the same in Base64, unquoted"),
    _disposed('attachment; filename="=?utf-7?Q?a?="', "url.tif", "the same with another character set"),
    _disposed('attachment; filename="=?UTF-8?B?!!?="', "url.tif", "the same, broken"),
    _disposed('attachment; filename="espa%C3%B1a.csv"', "españa.csv", "percent-encoded where it should not be"),
    _disposed('attachment; filename="../../etc/passwd"', "passwd", "a path"),
    _disposed('attachment; filename="C:\\data\\dem.tif"', "dem.tif", "a path of Windows"),
    _disposed('attachment; filename="a;b.tif"', "a;b.tif", "a semicolon in quotes"),
    _disposed('attachment; filename="a \\"b\\".tif"', 'a "b".tif', "quotes in quotes"),
    _disposed('attachment; filename="a.tif', "a.tif", "a quote that is not closed"),
    _disposed("attachment; filename*0=long; filename*1=-name.tif", "long-name.tif", "in pieces"),
    _disposed("filename=a.tif", "a.tif", "without a type"),
    _disposed("attachment; filename=", "url.tif", "an empty name"),
    _disposed("attachment; filename=..", "url.tif", "nothing but points"),
    _located("https://example.org/espa%F1a.csv", "españa.csv", "a byte of ISO-8859-1 in the path"),
    _located("https://example.org/a/h%C3%B6he.tif", "höhe.tif", "UTF-8 in the path"),
    _located("https://example.org/a/..%2f..%2fpasswd", "passwd", "slashes that are encoded"),
    _located("https://example.org/", "download", "no path"),
    _located("https://example.org/download.php?file=dem.tif", "dem.tif", "a program, and the name in its query"),
    _located("https://example.org/get.aspx?id=7&filename=a/b/dem.tar.gz", "dem.tar.gz", "a path in the query"),
    _located("https://example.org/get.do?token=abc.tif", "get.do", "a secret that looks like a name"),
    _located(
        "https://example.org/files/6294558",
        "dem.tif",
        "a number",
        final_url="https://cdn.example.org/x/dem.tif?sig=1",
    ),
    _located(
        "https://example.org/dem.tif", "dem.tif", "a name that is better", final_url="https://cdn.example.org/f81d4fae"
    ),
)  # fmt: skip

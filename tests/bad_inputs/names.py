"""Names that cannot be used as they are."""

from tests.bad_inputs import Case, shown

TITLE = "Names of files in a package"


def _case(given: str, expected: str, why: str) -> Case:
    return Case(input=f"{why}: {shown(given)}", answer=shown(expected), given=given, expected=expected)


#: What `safe_name` makes of a name.
CASES = (
    _case("../../etc/passwd", "_.._etc_passwd", "a path"),
    _case("C:\\x", "C_x", "a path of Windows"),
    _case("a\x00b.tif", "a_b.tif", "a control character"),
    _case("con", "_con", "reserved by Windows"),
    _case("LPT1.txt", "_LPT1.txt", "reserved, with an extension"),
    _case(".bashrc", "bashrc", "hidden"),
    _case("..", "file", "nothing but points"),
    _case("name. ", "name", "an end that Windows drops"),
    _case("NUL .txt", "_NUL.txt", "reserved, with a space that Windows drops"),
    _case("COM1 .tar.gz", "_COM1.tar.gz", "the same with two extensions"),
    _case("LPT\u00b2.csv", "_LPT\u00b2.csv", "reserved, with a superscript"),
    _case("CONIN$", "_CONIN$", "the console of Windows"),
    _case("clock$.dat", "_clock$.dat", "reserved by older ones"),
    _case("a\x85b\x9fc.tif", "a_b_c.tif", "C1 controls"),
    _case("a\u2028b.tif", "a_b.tif", "a line separator"),
    _case("a\u200b\ufeff.tif", "a.tif", "characters of no width"),
    _case("dem.tif.\u00a0.", "dem.tif", "points and spaces at the end"),
    _case("espa\udcf1a.csv", "espa\xf1a.csv", "a byte from the disk that is no UTF-8"),
    _case("half\ud800.csv", "half_.csv", "half a character"),
    _case("n\u0303.csv", "\xf1.csv", "a letter of two characters"),
    _case("\u200d", "file", "nothing that can be seen"),
    _case("a" * 200 + ".tar.gz", "a" * 113 + ".tar.gz", "200 characters"),
    _case("tif\u202egpj.exe", "tifgpj.exe", "a mark that turns the direction of the text"),
)

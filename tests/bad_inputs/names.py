"""Names that cannot be used as they are."""

from tests.bad_inputs import Case, shown

TITLE = "Names of files in a package"


def _case(given: str, expected: str, why: str) -> Case:
    return Case(input=f"{why}: {shown(given)}", answer=shown(expected), given=given, expected=expected)


#: What `safe_name` makes of a name.
CASES = (
    _case("../../etc/passwd", "_._etc_passwd", "a path"),
    _case("C:\\x", "C_x", "a path of Windows"),
    _case("a\x00b.tif", "a_b.tif", "a control character"),
    _case("con", "_con", "reserved by Windows"),
    _case("LPT1.txt", "_LPT1.txt", "reserved, with an extension"),
    _case(".bashrc", "bashrc", "hidden"),
    _case("..", "file", "nothing but points"),
    _case("name. ", "name", "an end that Windows drops"),
    _case("tif\u202egpj.exe", "tifgpj.exe", "a mark that turns the direction of the text"),
)

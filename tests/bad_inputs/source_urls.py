"""URLs of sources, and what manifests and pages show of them: `given` the URL, `expected` what is shown."""

from tests.bad_inputs import Case, shown

TITLE = "URLs of sources that hold a key"
_HOST = "https://example.org"
_UUID = "0b7c5a52-6a43-4f7c-9d3e-2f2c7be0a111"


def _case(words: str, given: str, expected: str) -> Case:
    whole, clean = f"{_HOST}{given}", f"{_HOST}{expected}"
    return Case(input=f"{words}: {shown(whole)}", answer=shown(clean), given=whole, expected=clean)


CASES = (
    Case(
        input="user and password: `https://me:hunter2@example.org:8443/a`",
        answer="`https://example.org:8443/a`",
        given="https://me:hunter2@example.org:8443/a",
        expected="https://example.org:8443/a",
    ),
    _case("a fragment", "/a#access_token=x", "/a"),
    _case("a key", "/a?service=WFS&apikey=x&bbox=1,2,3,4", "/a?service=WFS&apikey=***&bbox=1,2,3,4"),
    _case("the same in capitals", "/a?API-Key=x", "/a?API-Key=***"),
    _case("a name that is encoded", "/a?%61pikey=x", "/a?%61pikey=***"),
    _case("a key of Azure's services", "/a?subscription-key=x", "/a?subscription-key=***"),
    _case("a code of Azure's functions", "/a?code=x", "/a?code=***"),
    _case("a signed URL of Azure", "/a?sv=2020&se=2030&sr=b&sig=x", "/a?sv=***&se=***&sr=***&sig=***"),
    _case("the same names without a signature", "/a?sr=EPSG:4326&sp=1", "/a?sr=EPSG:4326&sp=1"),
    _case("a signed URL of Amazon", "/a?X-Amz-Date=1&X-Amz-Signature=x", "/a?X-Amz-Date=***&X-Amz-Signature=***"),
    _case("an older one", "/a?AWSAccessKeyId=x&Signature=y", "/a?AWSAccessKeyId=***&Signature=***"),
    _case("one of Google", "/a?GoogleAccessId=x&Expires=1", "/a?GoogleAccessId=***&Expires=1"),
    _case("one of CloudFront", "/a?Policy=x&Key-Pair-Id=y", "/a?Policy=***&Key-Pair-Id=***"),
    _case("a login", "/a?user=me&pass=x", "/a?user=***&pass=***"),
    _case("pairs divided by semicolons", "/a?year=1;token=x", "/a?year=1;token=***"),
    _case("a list", "/a?token[]=x", "/a?token[]=***"),
    _case("a session in the path", "/a;jsessionid=12AB/b", "/a;jsessionid=***/b"),
    _case("a token in the path", "/v1/token/x/a.tif", "/v1/token/***/a.tif"),
    _case("a random part of a path", "/s/Zk3x9QwErTyUiOpAsDfGh/a.tif", "/s/***/a.tif"),
    _case("a random value", "/a?x=Zk3x9QwErTyUiOpAsDfGh", "/a?x=***"),
    _case("a UUID as a value", f"/a?id={_UUID}", "/a?id=***"),
    _case("a JWT", "/a?x=eyJhbGciOiJI.eyJzdWIi.abc", "/a?x=***"),
    _case("a URL with a key as a value", "/a?url=https%3A%2F%2Fb%2F%3Ftoken%3Dx", "/a?url=***"),
    _case("a UUID in a path, which names a dataset", f"/dataset/{_UUID}/a.csv", f"/dataset/{_UUID}/a.csv"),
    _case(
        "layers, dates and boxes",
        "/a?layers=landsat-8-c2-l2&time=20200101T000000Z&bbox=-10.5,35,5,45&state=TN",
        "/a?layers=landsat-8-c2-l2&time=20200101T000000Z&bbox=-10.5,35,5,45&state=TN",
    ),
)

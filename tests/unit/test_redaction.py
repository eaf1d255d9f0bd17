import time
from typing import Any

import pytest

from downman_ops.redaction import LONGEST, redact

TOKEN = "Zk3x-9_QwErTyUiOpAsDfGhJkLzXcVbNm12"
ORDER = "0b7c5a52-6a43-4f7c-9d3e-2f2c7be0a111"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # Logins in URLs.
        ("connection to postgresql://me:hunter22@db/x failed", "connection to postgresql://***@db/x failed"),
        ("connection to postgresql://me:h/u@n't#e?r@db/x failed", "connection to postgresql://***@db/x failed"),
        ("'redis://:hun/ter@cache:6379/0' is away", "'redis://***@cache:6379/0' is away"),
        ("GET https://token@example.org/a: 500", "GET https://***@example.org/a: 500"),
        ("GET //to'k@en@example.org/a: 500", "GET //***@example.org/a: 500"),
        # Queries and fragments of URLs.
        ("GET https://token@example.org/a?b=c: 500", "GET https://***@example.org/a?***: 500"),
        ("HTTPStatusError for url 'https://example.org:8443/a/b.nc?c3NlY3JldA'", None),
        ("see https://example.org/a?x=1&y=2#z, then", "see https://example.org/a?***, then"),
        ("see (https://example.org/a#access=hunter22).", "see (https://example.org/a#***)."),
        ("https://s3.example.org/b/k?X-Amz-Credential=AKIA/x&X-Amz-Signature=0f", "https://s3.example.org/b/k?***"),
        # What opens orders, packages and free-text requests.
        (f"GET /downloads/links/{TOKEN}/all.zip: 500", "GET /downloads/links/***/all.zip: 500"),
        (f"https://example.org/downloads/links/{TOKEN}/", "https://example.org/downloads/links/***/"),
        (f"at /downloads/requests/{ORDER}/cancel/", "at /downloads/requests/***/cancel/"),
        (f"at 'https://example.org/downloads/generic/{ORDER}/'", "at 'https://example.org/downloads/generic/***/'"),
        (f"at /downloads/api/generic-requests/{ORDER}/", "at /downloads/api/generic-requests/***/"),
        # Headers.
        ("Authorization: Basic YWRtaW46aHVudGVy is refused", "Authorization: *** is refused"),
        ("Proxy-Authorization: Negotiate YII= is refused", "Proxy-Authorization: *** is refused"),
        ('Authorization: Digest username="me", response="0f9a"', "Authorization: ***"),
        ("{'Authorization': 'Basic YWRt aW46', 'Accept': '*/*'}", "{'Authorization': ***, 'Accept': '*/*'}"),
        ("[(b'authorization', b'Basic YWRtaW46'), (b'a', b'b')]", "[(b'authorization', ***), (b'a', b'b')]"),
        ("Cookie: sessionid=hunter22; csrftoken=hunter23", "Cookie: ***"),
        ("Set-Cookie: sid=hunter22; Path=/", "Set-Cookie: ***"),
        ("{'cookie': 'a=hunter22; b=c', 'accept': 'x'}", "{'cookie': ***, 'accept': 'x'}"),
        (f"the header was Bearer {TOKEN}", "the header was Bearer ***"),
        ("AUTH PLAIN AGFkbWluAGh1bnRlcg== failed", "AUTH PLAIN *** failed"),
        # Names.
        ("refused: password='hunter 22', user=me", "refused: password=***, user=me"),
        ("refused: password='hunter 22", "refused: password=***"),
        (r"refused: password='hun\'ter 22', user=me", "refused: password=***, user=me"),
        ("host=db password=hun,ter user=me", "host=db password=*** user=me"),
        ('{"api_key": "hunter22"}', '{"api_key": ***}'),
        (r'"{\"token\": \"hunter 22\"}"', r'"{\"token\": ***}"'),
        ("key=hunter22, sig=hunter22; auth=hunter22 pwd=hunter22", "key=***, sig=***; auth=*** pwd=***"),
        ("x-goog-signature=0f AWSAccessKeyId=AKIA", "x-goog-signature=*** AWSAccessKeyId=***"),
        ("{'pwd': 'hunter22', 'key': 'k'}", "{'pwd': ***, 'key': ***}"),
        # The environment's.
        ("login admin:correct-horse refused", "login *** refused"),
        ("wrong password correct-horse", "wrong password ***"),
    ],
)  # fmt: skip
def test_what_opens_something_is_removed(text: str, shown: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "admin:correct-horse")

    assert redact(text) == (shown or "HTTPStatusError for url 'https://example.org:8443/a/b.nc?***'")


@pytest.mark.parametrize(
    "text",
    [
        "No module named 'passwords.settings'",
        "me@example.org has no mailbox; see https://example.org/@me",
        "see http://127.0.0.1:8000/@me and /downloads/requests/ and /downloads/links/",
        "KeyError: 'name'; duplicate key: 7; is it open?",
        "Client error '404 Not Found' for url 'https://example.org/a/b.nc'",
        "The Authorization is missing, and so is a cookie",
    ],
)
def test_what_opens_nothing_stays(text: str) -> None:
    assert redact(text) == text


def test_secrets_of_the_sites_settings_are_removed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SECRET_KEY = "the/secret/key"
    settings.SECRET_KEY_FALLBACKS = ["the-former-key"]
    database = {"NAME": "the-name", "PASSWORD": "the-database's", "OPTIONS": {"token": "a-token"}}
    monkeypatch.setitem(settings.DATABASES, "default", database)
    settings.EMAIL_HOST_PASSWORD = "the-mail's"
    settings.HARVESTER = {"url": "the-url", "nested": [{"access_token": b"the-harvester's"}]}
    settings.AUTH_USER_MODEL = "portal.Person"

    for secret in (
        "the/secret/key", "the%2Fsecret%2Fkey", "the-former-key", "the-database's", "a-token", "the-mail's",
        "the-harvester's",
    ):  # fmt: skip
        assert redact(f"it said {secret}.") == "it said ***."
    for public in ("the-name", "the-url", "portal.Person"):
        assert redact(f"it said {public}.") == f"it said {public}."


@pytest.mark.parametrize("part", ["a-", "key", "https://a:b", "password='\\", "//a:b@", '\\"', "authorization: a,b=c,"])
def test_a_long_text_is_cut_and_takes_no_time(part: str) -> None:
    begun = time.process_time()

    assert len(redact(part * 50_000)) <= LONGEST * 2
    assert time.process_time() - begun < 5

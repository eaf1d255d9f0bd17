import pytest

from downman_ops.redaction import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("connection to postgresql://me:hunter22@db/x failed", "connection to postgresql://***@db/x failed"),
        ("GET https://token@example.org/a?b=c: 500", "GET https://***@example.org/a?b=c: 500"),
        ("refused: password='hunter 22', user=me", "refused: password=***, user=me"),
        ("Authorization: Basic YWRtaW46aHVudGVy is refused", "Authorization: *** is refused"),
        ('{"api_key": "hunter22"}', '{"api_key": ***}'),
        ("login admin:correct-horse refused", "login *** refused"),
        ("wrong password correct-horse", "wrong password ***"),
        ("No module named 'passwords.settings'", "No module named 'passwords.settings'"),
        ("me@example.org has no mailbox; see https://example.org/@me", None),
    ],
)
def test_what_opens_something_is_removed(text: str, shown: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "admin:correct-horse")

    assert redact(text) == (shown or text)

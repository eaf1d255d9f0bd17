"""Mail settings that contradict each other are refused before anything is written into Prefect."""

from typing import Any

import pytest
from pydantic import ValidationError

from downman_ops.settings import PoolSettings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "TYPE", "USER", "PASSWORD"):
        monkeypatch.delenv(f"DOWNMAN_MAIL_{name}", raising=False)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mail_user": "portal"}, "DOWNMAN_MAIL_PASSWORD"),
        ({"mail_password": "the-secret"}, "DOWNMAN_MAIL_USER"),
        ({"mail_type": "SSL"}, "SSL with 465"),
        ({"mail_type": "SSL", "mail_port": 587}, "SSL with 465"),
        ({"mail_type": "STARTTLS", "mail_port": 465}, "STARTTLS with 587"),
        ({"mail_type": "INSECURE", "mail_port": 465}, "SSL with 465"),
    ],
)
def test_what_contradicts_itself_is_refused_with_a_remedy_and_without_the_password(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        PoolSettings(**given)
    assert "the-secret" not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"mail_user": "", "mail_password": ""},
        {"mail_type": "SSL", "mail_port": 465, "mail_user": "portal", "mail_password": "the-secret"},
        {"mail_type": "STARTTLS", "mail_port": 587},
        {"mail_type": "STARTTLS", "mail_port": 25},
        {"mail_type": "SSL", "mail_port": 2465},
    ],
)
def test_what_agrees_is_taken(given: dict[str, Any]) -> None:
    assert PoolSettings(**given).mail_port == given.get("mail_port", 25)

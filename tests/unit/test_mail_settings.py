"""Mail settings that contradict each other are rejected before anything is written into Prefect."""

from typing import Any

import pytest
from pydantic import ValidationError

from downman_ops.settings import PoolSettings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "TYPE", "USER", "PASSWORD"):
        monkeypatch.delenv(f"DOWNMAN_MAIL_{name}", raising=False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mail_user": "portal"}, "DOWNMAN_MAIL_PASSWORD"),
        ({"mail_password": "the-secret"}, "DOWNMAN_MAIL_USER"),
        ({"mail_type": "SSL"}, "SSL with 465"),
        ({"mail_type": "SSL", "mail_port": 587}, "SSL with 465"),
        ({"mail_type": "STARTTLS", "mail_port": 465}, "STARTTLS with 587"),
        ({"mail_type": "INSECURE", "mail_port": 465}, "SSL with 465"),
    ],
)
def test_contradictions_are_rejected_with_a_hint_and_without_the_password(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as rejected:
        PoolSettings(**given)
    assert "the-secret" not in str(rejected.value)


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
def test_settings_without_contradictions_are_valid(given: dict[str, Any]) -> None:
    assert PoolSettings(**given).mail_port == given.get("mail_port", 25)

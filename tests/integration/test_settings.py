"""Settings that cannot work are refused with what to do about it; the environment may give any of them."""

from pathlib import Path
from typing import Any

import pytest

from django_integration.downloads.checks import check_settings
from django_integration.downloads.settings import app_settings, settings_from_environment


@pytest.mark.parametrize(
    ("name", "value", "identifier"),
    [
        ("DOWNLOADS_TYPO", 1, "downloads.E001"),
        ("DOWNLOADS_BEHAVIOUR", "SOME", "downloads.E002"),
        ("DOWNLOADS_PRIVATE_ADDRESSES", ["192.0.2.0/99"], "downloads.E003"),
        ("DOWNLOADS_FILE_ROOTS", ["data"], "downloads.E004"),
        ("DOWNLOADS_TRIGGER", "no.such.Trigger", "downloads.E005"),
        ("DOWNLOADS_CART_LIMIT", 0, "downloads.E006"),
        ("DOWNLOADS_SOURCE_RETRY_SECONDS", [], "downloads.E007"),
        ("DOWNLOADS_MAIL_RETRY_SECONDS", [60, 0], "downloads.E007"),
    ],
)
def test_what_cannot_work_is_refused_with_a_remedy(settings: Any, name: str, value: object, identifier: str) -> None:
    assert check_settings() == []
    setattr(settings, name, value)
    (error,) = check_settings()
    assert error.id == identifier
    assert error.hint


def test_the_environment_gives_settings_of_every_type(settings: Any) -> None:
    given = settings_from_environment(
        {
            "DOWNLOADS_STAGING_DIR": "/var/tmp/downloads",
            "DOWNLOADS_FILE_ROOTS": "/srv/a, /srv/b",
            "DOWNLOADS_SOURCE_RETRY_SECONDS": "1,2",
            "DOWNLOADS_EVICT_PROMISED": "true",
            "DOWNLOADS_TRIGGER_TIMEOUT_SECONDS": "1.5",
            "PATH": "/bin",
        }
    )
    assert given == {
        "DOWNLOADS_STAGING_DIR": Path("/var/tmp/downloads"),
        "DOWNLOADS_FILE_ROOTS": (Path("/srv/a"), Path("/srv/b")),
        "DOWNLOADS_SOURCE_RETRY_SECONDS": (1, 2),
        "DOWNLOADS_EVICT_PROMISED": True,
        "DOWNLOADS_TRIGGER_TIMEOUT_SECONDS": 1.5,
    }
    for name, value in given.items():
        setattr(settings, name, value)
    assert app_settings().evict_promised
    assert check_settings() == []


@pytest.mark.parametrize(("name", "text"), [("DOWNLOADS_CART_LIMIT", "many"), ("DOWNLOADS_EVICT_PROMISED", "perhaps")])
def test_what_cannot_be_read_is_said_by_its_name(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=name):
        settings_from_environment({name: text})

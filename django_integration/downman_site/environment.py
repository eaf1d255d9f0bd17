"""The environment variables of the reference site and its workers.

Each is declared once, here, with its default and a sentence; the launcher (`downman_ops.launch`) reads these too.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from downman.environment import EnvironmentSettings
from downman.setting_types import DatabaseUrl

PREFIX = "DOWNMAN_"
#: A key with fewer characters, or fewer different ones, can be guessed; the limits are those of Django's own check.
LEAST_KEY_LENGTH = 50
LEAST_KEY_VARIETY = 5
MAKE_A_KEY = "generate one: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"

#: The variables that must be set, each with what to set it to.
REQUIRED = {
    "DOWNMAN_HOME": "set it to the folder of packages and of everything else that is stored: /var/lib/downman",
    "DOWNMAN_SECRET_KEY": MAKE_A_KEY,
    "DOWNMAN_DATABASE_URL": "set it to the site's database: postgresql://user:password@host/name",
    "DOWNLOADS_SITE_URL": "set it to the site's URL: https://portal.example.org",
}
#: The demo's key, for commands that sign nothing; everybody can read it here.
PUBLISHED_KEY = "only for commands that sign nothing; `make demo` sets a secret one"


class SiteEnvironment(EnvironmentSettings):
    """The reference site and its workers (`downman_site.production`)."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    home: Path = Field(
        default=Path(".local"), description="Folder of everything that is stored on disk, except the databases."
    )
    database_url: DatabaseUrl = Field(
        default=SecretStr(""), description="The site's PostgreSQL database: `postgresql://user:password@host/name`."
    )
    secret_key: SecretStr = Field(
        default=SecretStr(""), description="Django's `SECRET_KEY`: 50 or more random characters."
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Host names under which the site answers, in addition to that of `DOWNLOADS_SITE_URL`."
    )
    sendfile: Literal["", "nginx"] = Field(
        default="", description="`nginx`: packages are sent by nginx in front of the site; empty: by the site itself."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Lowest level that the site and workers log."
    )

    @field_validator("secret_key")
    @classmethod
    def _is_not_guessable(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value()
        if text and (len(text) < LEAST_KEY_LENGTH or len(set(text)) < LEAST_KEY_VARIETY):
            raise ValueError(f"the key can be guessed: it needs {LEAST_KEY_LENGTH} random characters; {MAKE_A_KEY}")
        if text == PUBLISHED_KEY or text.startswith("django-insecure-"):
            raise ValueError(f"this key is public; {MAKE_A_KEY}")
        return key

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if any("*" in name for name in names):
            raise ValueError("with * anybody could make e-mails and pages name another host; write the names")
        return names

"""What the site of an installation is told by environment variables; its workers read the same.

Each is declared once, here, with its default and a sentence, where the launcher (`downman_ops.launch`) finds it too.
"""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from downman.secret_files import SecretsRefused, secret_from

PREFIX = "DOWNMAN_"
#: Fewer characters, or fewer different ones, can be guessed; the limits are those of Django's own check.
LEAST_KEY_LENGTH = 50
LEAST_KEY_VARIETY = 5
MAKE_A_KEY = "make one: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"

#: What must be set, each with what to set it to.
NEEDED = {
    "DOWNMAN_HOME": "set it to the folder of packages and all else that is kept: /var/lib/downman",
    "DOWNMAN_SECRET_KEY": MAKE_A_KEY,
    "DOWNMAN_DATABASE_URL": "set it to the site's database: postgresql://user:password@host/name",
    "DOWNLOADS_SITE_URL": "set it to the site's address: https://portal.example.org",
}
#: The demo's, for commands that sign nothing; everybody can read it here.
PUBLISHED_KEY = "only for commands that sign nothing; `make demo` sets a secret one"


class SiteEnvironment(BaseSettings):
    """The site of an installation and its workers (`downman_site.production`)."""

    # What is refused is not repeated: it may be a secret.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    home: Path = Field(
        default=Path(".local"), description="Folder of everything that is kept on the disk, but for the databases."
    )
    database_url: SecretStr = Field(
        default=SecretStr(""), description="The site's PostgreSQL database: `postgresql://user:password@host/name`."
    )
    secret_key: SecretStr = Field(
        default=SecretStr(""), description="Django's key: 50 or more characters that nobody can guess."
    )
    allowed_hosts: str = Field(
        default="", description="Further names of hosts as which the site answers, with commas between them."
    )
    sendfile: Literal["", "nginx"] = Field(
        default="", description="`nginx`: packages are sent by nginx, which stands in front; empty: by the site."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="From which level on site and workers log."
    )

    @property
    def host_names(self) -> list[str]:
        """The further names of hosts, one by one."""
        return [name.strip() for name in self.allowed_hosts.split(",") if name.strip()]

    @field_validator("secret_key")
    @classmethod
    def _nobody_guesses_it(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value()
        if text and (len(text) < LEAST_KEY_LENGTH or len(set(text)) < LEAST_KEY_VARIETY):
            raise ValueError(f"the key can be guessed: it needs {LEAST_KEY_LENGTH} characters; {MAKE_A_KEY}")
        if text == PUBLISHED_KEY or text.startswith("django-insecure-"):
            raise ValueError(f"everybody knows this key; {MAKE_A_KEY}")
        return key

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value() and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("write the address of a PostgreSQL database: postgresql://user:password@host/name")
        return url

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, names: str) -> str:
        if "*" in names:
            raise ValueError("with * anybody could have mails and pages name another host; write the names")
        return names


class EnvironmentRefused(ValueError):
    """The environment cannot be meant; `reasons` holds a sentence for each thing."""

    def __init__(self, reasons: list[str]) -> None:
        """Say all of them, a line each."""
        super().__init__("\n".join(reasons))
        self.reasons = reasons


def site_environment() -> SiteEnvironment:
    """Read all of it from the environment, secrets also from files.

    Raises `EnvironmentRefused` with everything that is wrong in it.
    """
    reasons: list[str] = []
    secrets: dict[str, Any] = {}
    for name, field in SiteEnvironment.model_fields.items():
        if field.annotation is SecretStr:
            try:
                secrets[name] = SecretStr(secret_from(os.environ, f"{PREFIX}{name.upper()}"))
            except SecretsRefused as exc:
                reasons += exc.reasons
    try:
        site = SiteEnvironment(**secrets)
    except ValidationError as exc:
        reasons += to_sentences(exc, PREFIX)
    if reasons:
        raise EnvironmentRefused(reasons)
    return site


def to_sentences(refusal: ValidationError, prefix: str) -> list[str]:
    """Return a sentence for each thing that pydantic refuses, by the name of its variable and without its value."""
    return [
        (f"{prefix}{'_'.join(map(str, error['loc'])).upper()}: " if error["loc"] else "")
        + error["msg"].removeprefix("Value error, ")
        + "."
        for error in refusal.errors(include_input=False, include_url=False, include_context=False)
    ]

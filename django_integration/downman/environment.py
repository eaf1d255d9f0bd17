"""Settings that are read from environment variables: the base of their classes, and the messages about invalid ones."""

import difflib
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from downman.secret_files import read_secret_files
from downman.setting_types import describe, is_list, is_secret, may_be_repeated

Settings = TypeVar("Settings", bound=BaseSettings)


class InvalidSettings(ImproperlyConfigured):
    """Settings that cannot be used; `reasons` has one sentence for each problem, and none repeats a secret."""

    def __init__(self, reasons: list[str]) -> None:
        """Take all reasons; the message has a line for each."""
        super().__init__("\n".join(reasons))
        self.reasons = reasons


class EnvironmentSettings(BaseSettings):
    """Settings that a process reads from the environment; a secret may lie in a file, a list is written with commas."""

    # A rejected value is not repeated by pydantic: it may be a secret.
    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, hide_input_in_errors=True, frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the arguments, then the environment of this process with its secret files."""
        environment, problems = read_secret_files(os.environ, get_secret_names(settings_cls))
        if problems:
            raise InvalidSettings(problems)
        return init_settings, EnvironmentSource(settings_cls, environment)


class EnvironmentSource(EnvSettingsSource):
    """The variables of any environment that a class of settings declares, empty ones left out."""

    def __init__(self, settings_cls: type[BaseSettings], environment: Mapping[str, str]) -> None:
        """Take an environment in which the secrets stand themselves, not their files."""
        super().__init__(settings_cls)
        self.env_vars = {name.lower(): text for name, text in environment.items() if text}

    def prepare_field_value(self, field_name: str, field: FieldInfo, value: Any, value_is_complex: bool) -> Any:
        """Split what is written with commas; a list in JSON is read as well."""
        if value is None or not is_list(field):
            return value
        if value.startswith("["):
            try:
                return json.loads(value)
            except ValueError:
                return value
        return [item.strip() for item in value.split(",") if item.strip()]


def read_settings(kind: type[Settings], environment: Mapping[str, str]) -> Settings:
    """Read the settings of an environment. Raises `InvalidSettings` with everything that is wrong in it."""
    filled, problems = read_secret_files(environment, get_secret_names(kind))
    values = EnvironmentSource(kind, filled)()
    try:
        # The text of a variable is parsed, also where a class wants values of the right type.
        settings = validate(kind, values, strict=False)
    except ValidationError as exc:
        raise InvalidSettings([*problems, *to_sentences(exc, kind)]) from exc
    if problems:
        raise InvalidSettings(problems)
    return settings


def validate(kind: type[Settings], values: Mapping[str, Any], *, strict: bool | None = None) -> Settings:
    """Return the settings with these values alone; calling the class would read its sources as well.

    Raises pydantic's `ValidationError`.
    """
    settings: Settings = kind.__pydantic_validator__.validate_python(
        values, strict=strict, self_instance=kind.__new__(kind)
    )
    return settings


def get_variable_name(kind: type[BaseSettings], field: str) -> str:
    """Return the name under which a field is set."""
    return f"{kind.model_config.get('env_prefix', '')}{field.upper()}"


def get_secret_names(kind: type[BaseSettings]) -> list[str]:
    """Return the variables of a class whose values are secrets."""
    return [get_variable_name(kind, name) for name, field in kind.model_fields.items() if is_secret(field)]


def to_sentences(error: ValidationError, kind: type[BaseSettings]) -> list[str]:
    """Return a sentence for each thing that pydantic rejects, by the name under which it is set."""
    sentences = [to_sentence(problem, kind) for problem in error.errors(include_url=False)]
    return [line for sentence in dict.fromkeys(sentences) for line in sentence.splitlines()]


def to_sentence(problem: ErrorDetails, kind: type[BaseSettings]) -> str:
    """Return the sentence for one thing that pydantic rejects; it repeats the value only where that is not private."""
    reason = str(problem.get("ctx", {}).get("error", ""))
    if not problem["loc"]:
        return "\n".join(f"{line}." for line in reason.splitlines())
    attribute, *inner = problem["loc"]
    name, field = get_variable_name(kind, str(attribute)), kind.model_fields[str(attribute)]
    if reason:
        return f"{name}: {reason}."
    value = ""
    if may_be_repeated(field):
        value = f" {'holds' if inner else 'is'} {problem['input']!r};"
    return f"{name}{value} {'it ' if value else ''}must be {describe(field)}."


def unknown_name(name: str, known: Iterable[str]) -> str:
    """Return the sentence for a name that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.75)
    hint = f"did you mean {near[0]}?" if near else "remove it, or look for the right name in docs/reference."
    return f"There is no setting {name}; {hint}"

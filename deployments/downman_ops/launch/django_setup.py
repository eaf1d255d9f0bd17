"""Django is set up for a site; whatever its settings or apps raise is a sentence, not a traceback."""

import os
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from downman.environment import InvalidSettings
from downman_ops.errors import ConfigurationError

APP = "downman"
#: What is in these packages is not the site's own code.
_OURS = {"django", "downman", "downman_ops"}
_INSTALLED_IN = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))


def set_django_up() -> None:
    """Set Django up. Raises `ConfigurationError` where that fails, or the site does not have the app."""
    import django  # noqa: PLC0415 - `--help` does without

    with explaining_settings():
        django.setup()
    from django.apps import apps  # noqa: PLC0415

    if not apps.is_installed(APP):
        raise ConfigurationError(f'{_get_module()}: {APP} is not in INSTALLED_APPS; add "{APP}" to them.')


@contextmanager
def explaining_settings() -> Iterator[None]:
    """Turn what a site's settings and apps raise into a `ConfigurationError` that says where."""
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415 - `--help` does without

    try:
        yield
    except ConfigurationError:
        raise
    except InvalidSettings as exc:
        raise ConfigurationError(str(exc)) from exc
    except SyntaxError as exc:
        where = f"{exc.filename}, line {exc.lineno}"
        raise ConfigurationError(f"{_get_module()}: {type(exc).__name__}: {exc.msg} ({where})") from exc
    except Exception as exc:
        said = " ".join(str(exc).split())
        where = _get_place(exc)
        if not isinstance(exc, ImproperlyConfigured | ImportError):
            # Without its kind, the text of a KeyError is a word.
            said = f"{type(exc).__name__}: {said}"
        raise ConfigurationError(f"{_get_module()}: {said}{f' ({where})' if where else ''}") from exc


def _get_module() -> str:
    return os.environ.get("DJANGO_SETTINGS_MODULE", "DJANGO_SETTINGS_MODULE")


def _get_place(exc: Exception) -> str:
    """Return file and line of the innermost of the site's own code; nothing where it is in none."""
    for frame, line in reversed(list(traceback.walk_tb(exc.__traceback__))):
        file = Path(frame.f_code.co_filename)
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if file.is_absolute() and package not in _OURS and not any(map(file.is_relative_to, _INSTALLED_IN)):
            return f"{file}, line {line}"
    return ""

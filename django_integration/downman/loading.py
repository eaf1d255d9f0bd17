"""Classes that settings name by their dotted paths."""

from typing import Any

from django.utils.module_loading import import_string


def load_class(path: str, port: type, kind: str) -> Any:
    """Return what a dotted path leads to, with everything that `port` (a protocol) declares.

    `kind` is the word for it in messages: "source". Raises `ImportError`, whatever goes wrong on the way: a module of
    somebody else's may raise anything when it is imported.
    """
    try:
        found = import_string(path)
    except ImportError:
        raise
    except Exception as exc:
        raise ImportError(f"{path} fails when it is imported: {type(exc).__name__}: {exc}") from exc
    declared = [*port.__annotations__, *(name for name in vars(port) if not name.startswith("_"))]
    missing = [name for name in declared if not hasattr(found, name)]
    if missing:
        raise ImportError(f"{path} is no {kind}: it has no {', '.join(missing)}")
    return found

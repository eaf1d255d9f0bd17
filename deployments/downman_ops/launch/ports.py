"""TCP ports on this machine."""

import errno
import socket

from downman_ops.errors import ConfigurationError

HOST = "127.0.0.1"


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port now. Raises `ConfigurationError` when we may not use it."""
    with socket.socket() as probe:
        # As servers do: a connection of an earlier run that is still being closed is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                return False
            raise ConfigurationError(f"Port {port} cannot be used: {exc.strerror}; choose one above 1023.") from exc
    return True


def any_free() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def require_free(port: int, *, what: str, variable: str) -> None:
    """Raise `ConfigurationError`, naming the environment variable to change, unless the port is free."""
    if not is_free(port):
        raise ConfigurationError(f"Port {port} is taken, so {what} cannot start; stop what uses it, or set {variable}.")

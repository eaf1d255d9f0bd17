"""Watches over a transfer that may wait for the network for long, so that it can be stopped all the same."""

import socket
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from downman.domain.errors import DownmanError, TransferInterrupted

#: Seconds between two looks; a cancelled transfer ends at most so much later.
LOOK_SECONDS = 0.5


class TransferWatchdog:
    """Calls `check` twice a second from a thread of its own; what it raises ends the transfer.

    A blocked read cannot be told to stop, but the connection under it can be shut, upon which it ends at once.
    """

    def __init__(self, check: Callable[[], None], *, deadline: float) -> None:
        """Watch until `deadline`, a time of `time.monotonic()`."""
        self._check = check
        self._deadline = deadline
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch-transfer", daemon=True)
        self._stream: Any = None
        self._error: DownmanError | None = None

    def __enter__(self) -> Self:
        """Start watching."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop watching; if the watch ended the transfer, its reason stands in for the error that this caused."""
        self._over.set()
        self._thread.join()
        if self._error is not None and isinstance(error, Exception):
            raise self._error from error

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of the connection; httpx calls it through the request's extension `trace`."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._stream = info["return_value"]
            if self._error is not None:
                self._shut()

    def _run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            try:
                if time.monotonic() > self._deadline:
                    raise TransferInterrupted(reason="it took too long", received="?", expected="?")
                self._check()
            except DownmanError as exc:
                self._error = exc
                self._shut()
                return

    def _shut(self) -> None:
        connection = self._stream.get_extra_info("socket") if self._stream is not None else None
        if connection is None:
            return
        try:
            # The plain method: that of a TLS socket first forgets its key material, under the reader's feet.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
        except OSError:
            # It was lost by itself.
            return

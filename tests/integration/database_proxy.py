"""A proxy between us and PostgreSQL that keeps one answer back: of the COMMIT of a transaction that said a word."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections

#: How psycopg2 sends the statement: PostgreSQL's simple query, which ends with a zero.
COMMIT = b"COMMIT\x00"
READY = b"Z\x00\x00\x00\x05I"


class DatabaseProxy:
    """Passes everything on, except the answer to one COMMIT: it drops that connection when the server has answered."""

    def __init__(self, server: tuple[int, Any], word: bytes) -> None:
        self._family, self._address = server
        self._word = word
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port = int(self._listener.getsockname()[1])
        #: COMMITs that reached the server and whose answers were dropped.
        self.dropped = 0
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """End every connection, on both sides, also those of which the server has not heard that the client left."""
        _shut_down(self._listener)
        self._accepting.join()
        _shut_down(*self._open)
        for one in (self._listener, *self._open):
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(self._family)
            server.connect(self._address)
            self._open += (client, server)
            threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        """Pass messages on in both directions; a client of PostgreSQL waits for each answer."""
        is_last = threading.Event()
        answers = threading.Thread(target=self._answers, args=(client, server, is_last), daemon=True)
        answers.start()
        says_word = False
        try:
            while data := client.recv(1 << 16):
                says_word |= self._word in data
                if says_word and COMMIT in data and not self.dropped:
                    is_last.set()
                    self.dropped += 1
                server.sendall(data)
        except OSError:
            pass
        finally:
            _shut_down(server)

    def _answers(self, client: socket.socket, server: socket.socket, is_last: threading.Event) -> None:
        held = b""
        try:
            while data := server.recv(1 << 16):
                if not is_last.is_set():
                    client.sendall(data)
                    continue
                held += data
                if held.endswith(READY):
                    # The server has committed.
                    break
        except OSError:
            pass
        finally:
            _shut_down(client, server)


def _shut_down(*sockets: socket.socket) -> None:
    """Wake who reads from these, on both sides: `close` alone would leave another thread in its `recv`."""
    for one in sockets:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue


@contextmanager
def losing_the_answer_to_a_commit(word: bytes) -> Iterator[DatabaseProxy]:
    """Put the proxy between Django and its database, for all threads; `word` is one that the transaction says."""
    where = dict(connection.settings_dict)
    host, port = where["HOST"] or "/var/run/postgresql", where["PORT"] or "5432"
    is_socket = host.startswith("/")
    server = (socket.AF_UNIX, f"{host}/.s.PGSQL.{port}") if is_socket else (socket.AF_INET, (host, int(port)))
    proxy = DatabaseProxy(server, word)
    connections.close_all()
    options = {**where["OPTIONS"], "sslmode": "disable", "gssencmode": "disable"}
    connection.settings_dict.update(HOST="127.0.0.1", PORT=str(proxy.port), OPTIONS=options)
    try:
        yield proxy
    finally:
        connections.close_all()
        connection.settings_dict.update({name: where[name] for name in ("HOST", "PORT", "OPTIONS")})
        proxy.close()

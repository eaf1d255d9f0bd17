"""A mail server that takes every mail and keeps it as a file: `python -m downman_ops.launch.mail_sink PORT FOLDER`."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from downman_ops.launch.ports import HOST


class MailFolder:
    """Keeps mails as `0001.eml`, `0002.eml` …; who looks into the folder never sees half a mail."""

    def __init__(self, folder: Path) -> None:
        """Go on after the highest number that is there."""
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        numbers = [int(file.stem) for file in folder.glob("*.eml") if file.stem.isdigit()]
        self._last = max(numbers, default=0)

    def keep(self, mail: bytes) -> Path:
        """Write one mail and give its file."""
        self._last += 1
        file = self._folder / f"{self._last:04}.eml"
        unfinished = file.with_suffix(".unfinished")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(mail)
        return unfinished.replace(file)


class KeepingHandler:
    """What aiosmtpd calls for each mail."""

    def __init__(self, folder: MailFolder) -> None:
        """Keep mails in `folder`."""
        self._folder = folder

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name there
        """Keep the mail as it came, under a line that says for whom it was."""
        recipients = ", ".join(envelope.rcpt_tos).encode("utf-8", "surrogateescape")
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        file = self._folder.keep(b"X-Envelope-To: " + recipients + b"\r\n" + content)
        return f"250 Kept as {file.name}"


async def serve(port: int, folder: Path) -> None:
    """Take mails until the process is told to end."""
    handler = KeepingHandler(MailFolder(folder))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, enable_SMTPUTF8=True, ident="downman demo"), HOST, port)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    print(f"Mails to {HOST}:{port} are kept in {folder}", flush=True)  # noqa: T201
    async with server:
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))

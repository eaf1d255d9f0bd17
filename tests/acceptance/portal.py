"""Somebody who orders from a running demo, reads the mails and takes the packages."""

import email
import email.policy
import io
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

import httpx

from tests.acceptance.demo import Installation

#: A run takes half a second; the machine may be busy with much else.
ARRIVES_WITHIN_SECONDS = 90
ENDED = {"ready", "ready_with_errors", "failed", "cancelled", "rejected", "expired"}


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package that was taken."""

    data: bytes
    names: list[str]
    manifest: dict[str, Any]

    def read(self, name: str) -> bytes:
        """Return one member."""
        with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
            return archive.read(name)


class Portal:
    """Uses the demo as its users do."""

    def __init__(self, demo: Installation) -> None:
        """Use this demo."""
        self.demo = demo
        self.http = httpx.Client(base_url=demo.url, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.http.close()

    def offer(self, *resources: dict[str, Any]) -> None:
        """Put resources into the catalogue of the running demo."""
        file = self.demo.home / "offer.json"
        file.write_text(json.dumps(resources))
        done = self.demo.downman("manage", "import_catalogue", str(file))
        assert done.returncode == 0, done.stderr

    def order(self, *resources: str | dict[str, Any], email: str = "ana@example.org", language: str = "en") -> str:
        """Place an order and give its id."""
        lines = [{"resource": item} if isinstance(item, str) else item for item in resources]
        answer = self.http.post(
            "/downloads/api/requests/", json={"email": email, "language": language, "resources": lines}
        )
        assert answer.status_code == 201, answer.text
        placed: str = answer.json()["id"]
        return placed

    def look(self, order_id: str) -> dict[str, Any]:
        """Return how an order stands."""
        answer: dict[str, Any] = self.http.get(f"/downloads/api/requests/{order_id}/").raise_for_status().json()
        return answer

    def wait(self, order_id: str, until: Callable[[dict[str, Any]], bool] | None = None) -> dict[str, Any]:
        """Look again and again until it has ended, or until something is true of it."""
        done = until or (lambda order: order["status"] in ENDED)
        order: dict[str, Any] = self.poll(lambda: self.look(order_id), done)
        return order

    def poll(self, ask: Callable[[], Any], done: Callable[[Any], bool]) -> Any:
        """Ask until the answer is right; fail with the last answer."""
        deadline = time.monotonic() + ARRIVES_WITHIN_SECONDS
        while not done(answer := ask()):
            assert time.monotonic() < deadline, answer
            time.sleep(0.2)
        return answer

    def take(self, order: dict[str, Any]) -> Package:
        """Take the one package of an order."""
        (link,) = order["links"]
        answer = self.http.get(link["url"]).raise_for_status()
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            return Package(
                data=answer.content,
                names=archive.namelist(),
                manifest=json.loads(archive.read("manifest.json")),
            )

    def mails(self, order_id: str, count: int) -> list[EmailMessage]:
        """Wait for so many mails about an order, and give them in the order in which they came."""
        return self.poll(lambda: self.mails_so_far(order_id), lambda mails: len(mails) >= count)  # type: ignore[no-any-return]

    def mails_so_far(self, order_id: str) -> list[EmailMessage]:
        """Return the mails about an order that have come."""
        files = sorted((self.demo.home / "mail").glob("*.eml"))
        mails = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        return [mail for mail in mails if order_id in text_of(mail)]

    def staged(self) -> list[Path]:
        """Return the files that lie in staging."""
        return [path for path in (self.demo.home / "staging").rglob("*") if path.is_file()]

    def wait_until_nothing_is_staged(self) -> None:
        """Wait for the run to clear its staging, which it does after it has recorded how the order stands."""
        self.poll(self.staged, lambda left: not left)

    def shell(self, code: str) -> str:
        """Run Python inside the site, as an administrator's `manage.py shell`."""
        done = self.demo.downman("manage", "shell", "--no-imports", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """Return one form of a mail."""
    part = mail.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content

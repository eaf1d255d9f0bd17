"""Secrets that are easy to find, in an installation that works, fails and works again: nobody finds them elsewhere."""

import base64
import contextlib
import io
import json
import secrets
import stat
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import psycopg2
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from downman.environment import get_secret_names
from downman.settings import AppSettings
from downman_ops.launch.databases import prefect_url
from downman_ops.launch.demo_home import DemoHome
from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.acceptance.faults.parts import Parts, until
from tests.acceptance.portal import Portal
from tests.servers import Source

#: In every secret, and nowhere else.
MARK = f"marked-{secrets.token_hex(8)}"
#: In the URL of a source; it stands in the site's database, as the orders' own secrets do.
SOURCE_KEY = f"key-{secrets.token_hex(8)}"
LOGIN = f"admin:{MARK}-login"
MAIL_PASSWORD, WRONG_PASSWORD = f"{MARK}-mail", f"{MARK}-wrong"
#: As it stands, and as a header sends it.
NEEDLES = (MARK.encode(), base64.b64encode(LOGIN.encode()).rstrip(b"="), base64.b64encode(MAIL_PASSWORD.encode()))
#: One is given above, the other is the URL of a proxy through which everything would go.
_OF_THEIR_OWN = ("DOWNLOADS_PREFECT_API_AUTH_STRING", "DOWNLOADS_OUTBOUND_PROXY")
#: What Prefect gives in pages, by its path.
LISTED = (
    "flow_runs", "flow_run_states", "task_runs", "logs", "artifacts", "deployments", "work_pools", "variables", "flows",
    "block_documents", "block_types", "automations", "concurrency_limits", "work_pools/downman/workers",
    "work_pools/downman/queues",
)  # fmt: skip
PAGE = 200


def holds(text: bytes) -> bool:
    return any(needle in text for needle in NEEDLES)


class Mails:
    """A mail server that wants a login, and keeps what comes."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.refused = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name there
        """Keep a mail."""
        self.taken.append(envelope.content if isinstance(envelope.content, bytes) else b"")
        return "250 taken"

    def let_in(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """Let in who knows the password."""
        right = isinstance(data, LoginPassword) and data.password == MAIL_PASSWORD.encode()
        self.refused += not right
        return AuthResult(success=right, handled=False)


class CommandLines:
    """Looks at the command lines of all processes of this machine, again and again."""

    def __init__(self) -> None:
        self.looks = 0
        self.found: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            for pid in psutil.pids():
                try:
                    line = Path(f"/proc/{pid}/cmdline").read_bytes()
                except OSError:
                    continue
                if holds(line):
                    self.found.add(line.decode(errors="replace"))
            self.looks += 1


@dataclass
class Story:
    """What an installation with marked secrets did, and what was seen of it."""

    parts: Parts
    mails: Mails
    lines: CommandLines
    #: Pages, answers and what commands said, each by what it is.
    seen: dict[str, bytes] = field(default_factory=dict)

    def look(self, what: str, answer: httpx.Response) -> None:
        self.seen[what] = f"{answer.status_code} {answer.headers}".encode() + answer.content

    def type(self, *words: str) -> None:
        self.parts.share()
        done = self.parts.downman(*words)
        self.seen[f"downman {' '.join(words)}"] = (done.stdout + done.stderr).encode()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    home = DemoHome(root=tmp_path_factory.mktemp("secrets") / "home")
    home.prepare()
    home.write_secret(home.prefect_login, LOGIN)
    home.write_secret(home.secret_key, f"{MARK}-key-{secrets.token_urlsafe(50)}")
    database = EmbeddedDatabase(folder=home.postgres)
    site, prefects = (
        database.url(name).replace("postgres@", f"postgres:{MARK}-{name}@") for name in ("downman", "prefect")
    )
    parts = Parts(
        home.root,
        DOWNMAN_DATABASE_URL=site,
        DOWNMAN_PREFECT_DATABASE_URL=prefects,
        PREFECT_SERVER_DATABASE_CONNECTION_URL=prefect_url(prefects),
        DOWNMAN_MAIL_USER="portal",
        DOWNMAN_MAIL_PASSWORD=MAIL_PASSWORD,
        DOWNLOADS_MAIL_RETRY_SECONDS="1",
        **{name: f"{MARK}-{name}" for name in get_secret_names(AppSettings) if name not in _OF_THEIR_OWN},
    )
    mails = Mails()
    server = Controller(
        mails,
        hostname="127.0.0.1",
        port=parts.smtp_port,
        authenticator=mails.let_in,
        auth_require_tls=False,
    )
    server.start()
    try:
        with CommandLines() as lines, parts, Source() as source, Portal(parts) as person:
            story = Story(parts, mails, lines)
            _work_and_fail(story, person, source)
            _look_around(story, person)
            yield story
    finally:
        server.stop()


def _work_and_fail(story: Story, person: Portal, source: Source) -> None:
    """Order what comes and what fails, with the right and a wrong password for mails, and with the database away."""
    bad = {"gone": "status/404/x", "down": "status/503/x", "cut": "cut/x"}
    person.offer(
        *({"id": name, "title": name, "source": "http", "url": source.url(path)} for name, path in bad.items())
    )
    data = f"{str(person.http.base_url).rstrip('/')}/data/countries.geojson"
    person.offer({"id": "keyed", "title": "keyed", "source": "http", "url": f"{data}?apikey={SOURCE_KEY}"})
    good = person.order("countries")
    ready = person.wait(good)
    story.look("ready", person.http.get(f"/downloads/api/requests/{good}/"))
    # Django repeats the paths of what it cannot answer.
    for package in story.parts.folders.packages.rglob("*.zip"):
        package.unlink()
    for path in (ready["links"][0]["url"], f"/downloads/requests/{good}/nothing/", f"/downloads/requests/{good}"):
        story.look(path, person.http.get(path))
    until(lambda: len(story.mails.taken) >= 2)
    person.wait(person.order("keyed"))

    story.parts.environment["DOWNMAN_MAIL_PASSWORD"] = WRONG_PASSWORD
    story.type("bootstrap")
    failing = person.order(*bad)
    until(lambda: story.mails.refused)
    order = person.wait(
        failing, lambda order: not {part["status"] for part in order["resources"]} & {"queued", "fetching"}
    )
    story.look("failed", person.http.get(f"/downloads/api/requests/{order['id']}/"))
    until(lambda: story.parts.query("SELECT 1 FROM downloads_notice WHERE last_error LIKE '%%535%%'"))
    story.parts.environment["DOWNMAN_MAIL_PASSWORD"] = MAIL_PASSWORD

    story.parts.database.stop()
    story.look("database away", person.http.get("/"))
    story.look("database away, API", person.http.get(f"/downloads/api/requests/{good}/"))
    story.type("manage", "migrate", "--check")
    story.parts.database.start()
    story.parts.wait_until_ready()


def _look_around(story: Story, person: Portal) -> None:
    for path in (
        "/",
        "/nothing",
        "/downloads/links/nothing/",
        "/downloads/requests/nothing/",
        "/admin/login/",
        "/downloads/api/docs",
    ):
        story.look(path, person.http.get(path))
    story.look("another host", person.http.get("/", headers={"Host": "evil.example.org"}))
    story.look("nonsense", person.http.post("/downloads/api/requests/", content=b"{"))
    for command in (["manage", "check", "--deploy"], ["doctor"], ["doctor", "--help"]):
        story.type(*command)
    story.type("bootstrap", "--show")
    for (number,) in story.parts.query("SELECT number FROM downloads_downloadrequest"):
        story.type("show", number, "--json")
    for what in ("active", "scheduled", "reserved"):
        story.type(what, "--json")


def prefect_pages(parts: Parts, path: str) -> Iterator[Any]:
    """Return all that Prefect has of a kind, page by page."""
    for offset in range(0, 50 * PAGE, PAGE):
        page = parts.ask_prefect("POST", f"/{path}/filter", {"limit": PAGE, "offset": offset})
        yield page
        if len(page) < PAGE:
            return
    pytest.fail(f"there is more of {path} than was looked at")


def events(parts: Parts) -> Iterator[Any]:
    answer = parts.ask_prefect("POST", "/events/filter", {"limit": 50})
    yield answer
    while address := answer.get("next_page"):
        answer = parts.ask_prefect("GET", address.removeprefix(parts.prefect_api))
        yield answer


def dump(url: str) -> str:
    """Return all rows of all tables of a database."""
    text = io.StringIO()
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            cursor.copy_expert(f'COPY "{table}" TO STDOUT', text)
    return text.getvalue()


def test_the_mark_is_found_where_it_may_be(story: Story) -> None:
    folder = story.parts.folders.prefect_login.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    keeping = {file: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir() if holds(file.read_bytes())}
    assert {file.name for file in keeping} >= {"prefect-api-auth", "django-secret-key", "environment.json"}
    assert set(keeping.values()) == {0o600}
    (site, *_others) = story.parts.tree("site")
    assert holds(json.dumps(site.environ()).encode())
    assert story.mails.refused
    # Who has the login may ask for the password for mails; it is not shown to those who do not ask.
    asked = story.parts.ask_prefect("POST", "/block_documents/filter", {"include_secrets": True})
    assert holds(json.dumps(asked).encode())


def test_no_command_line_has_a_secret(story: Story) -> None:
    assert story.lines.looks > 20
    assert story.lines.found == set()


def test_no_file_beside_the_secrets_has_one(story: Story) -> None:
    home = story.parts.home
    files = [file for file in home.rglob("*") if file.is_file() and file.parent != home / "secrets"]
    assert {"site.log", "worker.log", "prefect.log", "bootstrap.log"} <= {file.name for file in files}
    assert [file for file in files if holds(file.read_bytes())] == []


def test_no_log_tells_who_ordered_or_leads_to_an_order(story: Story) -> None:
    logs = {file.name: file.read_text(errors="replace") for file in story.parts.folders.logs.iterdir()}
    assert "/downloads/links/.../" in logs["site.log"]
    tokens = {token for (token,) in story.parts.query("SELECT token FROM downloads_downloadlink")}
    addresses = {str(number) for (number,) in story.parts.query("SELECT public_id FROM downloads_downloadrequest")}
    assert tokens
    assert addresses
    private = {*tokens, *addresses, "ana@example.org"}
    assert [name for name, text in logs.items() if any(item in text for item in private)] == []


def test_nothing_beside_the_sites_database_and_the_mails_leads_to_an_order(story: Story) -> None:
    """No artifact, parameter, name or event of Prefect, no package, no file of a worker, no list of an operator."""
    secrets_of_orders = [
        str(secret)
        for (secret,) in story.parts.query(
            "SELECT public_id::text FROM downloads_downloadrequest UNION ALL SELECT token FROM downloads_downloadlink"
        )
    ]
    assert len(secrets_of_orders) >= 3
    secrets_of_orders.append(SOURCE_KEY)
    shown = {path: json.dumps(list(prefect_pages(story.parts, path))) for path in LISTED if path != "flow_run_states"}
    shown["events"] = json.dumps(list(events(story.parts)))
    shown |= {name: text.decode(errors="replace") for name, text in story.seen.items() if name.startswith("downman ")}
    folders = story.parts.folders
    for folder in (folders.packages, folders.staging, folders.logs):
        shown |= {str(file): file.read_text("latin-1") for file in folder.rglob("*") if file.is_file()}
    for package in folders.packages.rglob("*.zip"):
        with zipfile.ZipFile(package) as archive:
            shown[f"manifest of {package.name}"] = archive.read("manifest.json").decode()
    assert "/data/countries.geojson?apikey=***" in "".join(shown.values())
    shown["mails"] = b"".join(story.mails.taken).decode("latin-1").replace("=\r\n", "")
    for secret in secrets_of_orders[:-1]:
        # Who ordered is sent it, and nobody else.
        shown["mails"] = shown["mails"].replace(secret, "")
    # Prefect's server logs whole statements, with their values, when its database goes away; so does PostgreSQL.
    shown["Prefect's database"] = dump(story.parts.database.url("prefect"))
    assert "Order " in shown["Prefect's database"]
    assert [name for name, text in shown.items() if any(secret in text for secret in secrets_of_orders)] == []


@pytest.mark.parametrize("path", LISTED)
def test_prefect_shows_no_secret(story: Story, path: str) -> None:
    if path == "flow_run_states":
        runs = story.parts.ask_prefect("POST", "/flow_runs/filter", {"limit": PAGE})
        shown: Sequence[Any] = [
            story.parts.ask_prefect("GET", f"/flow_run_states/?flow_run_id={run['id']}") for run in runs
        ]
    else:
        shown = list(prefect_pages(story.parts, path))
    assert not holds(json.dumps(shown).encode())
    if path in {"flow_runs", "logs", "deployments", "work_pools", "block_documents"}:
        assert shown[0]


def test_prefects_events_and_settings_show_no_secret(story: Story) -> None:
    shown = list(events(story.parts))
    assert shown[0]["events"]
    assert not holds(json.dumps(shown).encode())
    assert not holds(json.dumps(story.parts.ask_prefect("GET", "/admin/settings")).encode())


def test_runs_are_told_the_number_of_a_request_and_nothing_else(story: Story) -> None:
    for runs in prefect_pages(story.parts, "flow_runs"):
        for run in runs:
            parameters: Mapping[str, Any] = run["parameters"]
            assert set(parameters) <= {"request_id"}
            assert not run["job_variables"]


def test_no_page_answer_or_command_has_a_secret(story: Story) -> None:
    assert b"503" in story.seen["database away"][:3]
    assert [what for what, text in story.seen.items() if holds(text)] == []


def test_no_mail_has_a_secret(story: Story) -> None:
    assert len(story.mails.taken) >= 2
    assert not any(holds(mail) for mail in story.mails.taken)

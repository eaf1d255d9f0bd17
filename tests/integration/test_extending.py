"""What docs/how-to/extend.md promises: blocks, admin classes, signals, and the helpers for a site's tests."""

import logging
import re
import subprocess
import sys
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.apps import AppConfig
from django.contrib import admin
from django.db import transaction
from django.dispatch import Signal
from django.template import engines
from django.template.loader_tags import BlockNode
from django.test import Client, SimpleTestCase
from django.urls import include, path, reverse
from django.utils import timezone

from downman import signals, testing
from downman.domain.request import OrderLine
from downman.models import DownloadRequest, Notice, Resource, ResourceLocator
from downman.services import approvals
from downman.services.mails import compose
from tests.integration.orders import EMAIL, delivered, order

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "extend.md").read_text()
ROW = re.compile(r"^\| `(downloads/[\w/.]+)`[^|]*\| (.+) \|$", re.MULTILINE)
QUOTED = re.compile(r"`([^`]+)`")
HERE = Path(__file__).parents[2]


def example(heading: str) -> str:
    """Return the first block of code below a heading of the page."""
    section = PAGE.partition(f"\n## {heading}")[2]
    found: list[str] = re.findall(r"```\w+\n(.*?)```", section, re.DOTALL)
    return found[0]


def execute(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "portal"}
    exec(compile(code, "docs/how-to/extend.md", "exec"), names)  # noqa: S102 - the page's own example
    return names


# Templates


@pytest.mark.parametrize(("name", "blocks"), ROW.findall(PAGE))
def test_the_documented_blocks_are_those_of_the_template(name: str, blocks: str) -> None:
    template: Any = engines["django"].get_template(name)
    found = {node.name for node in template.template.nodelist.get_nodes_by_type(BlockNode)}
    assert found == set(QUOTED.findall(blocks))


def test_every_named_page_exists() -> None:
    names = set(re.findall(r"`(?:downloads/)?((?:mail/)?\w+\.(?:html|txt))`", PAGE)) - {"ready.html"}
    assert len(names) > 9
    for name in names:
        assert engines["django"].get_template(f"downloads/{name}"), name


@pytest.fixture
def own_templates(settings: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [folder]}]
    return folder


@pytest.mark.django_db
def test_a_block_of_the_site_is_on_all_pages(client: Client, resource: Resource, own_templates: Path) -> None:
    (own_templates / "downloads").mkdir(parents=True)
    (own_templates / "downloads" / "base.html").write_text(example("The look of the pages"))
    placed = order("dem")
    for url in (reverse("downloads:order"), reverse("downloads:tracking", args=[placed.public_id])):
        page = client.get(url).content.decode()
        assert '<footer class="wide">The Portal of Examples</footer>' in page
        assert "Data portal" in page, "the rest is the app's"


@pytest.mark.django_db
def test_a_mail_of_the_site_is_sent_in_the_place_of_the_apps(resource: Resource, own_templates: Path) -> None:
    folder = own_templates / "downloads" / "mail"
    folder.mkdir(parents=True)
    (folder / "received.txt").write_text(
        '{% extends "downloads/mail/base.txt" %}{% block subject %}Thank you{% endblock %}'
        "{% block body %}We pack it.{% endblock %}"
    )
    (folder / "base.html").write_text("<p>Portal</p>{% block body %}{% endblock %}{% block link %}{% endblock %}")
    mail = compose(Notice.objects.get(request=order("dem")))
    assert mail.subject.startswith("Thank you (")
    assert "We pack it." in mail.text
    assert mail.html.startswith("<p>Portal</p>")


# Admin


@pytest.mark.django_db
def test_a_subclass_takes_the_place_of_an_admin_class(
    resource: Resource, admin_client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = order("dem")
    before = admin.site.get_model_admin(DownloadRequest)
    try:
        execute(example("The admin"))
        # In a site, the URLs are made after all `admin.py` were read.
        urls: Any = ModuleType("portal_urls")
        urls.urlpatterns = [path("downloads/", include("downman.urls")), path("admin/", admin.site.urls)]
        monkeypatch.setitem(sys.modules, "portal_urls", urls)
        settings.ROOT_URLCONF = "portal_urls"
        page = admin_client.get(reverse("admin:downloads_downloadrequest_changelist")).content.decode()
        assert "column-user" in page
        assert admin_client.get(reverse("admin:downloads_downloadrequest_change", args=[placed.pk])).status_code == 200
    finally:
        admin.site.unregister(DownloadRequest)
        admin.site.register(DownloadRequest, type(before))


# Signals


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str]]]:
    """Return what receivers of all signals heard: the signal's name, and the state of its order or part."""
    names = ("order_placed", "part_delivered", "order_ready", "order_failed")
    found: list[tuple[str, str]] = []
    receivers: list[tuple[Signal, Callable[..., None]]] = []
    for name in names:

        def hear(sender: type, order: DownloadRequest, name: str = name, **arguments: Any) -> None:
            assert sender is (ResourceLocator if "part" in arguments else DownloadRequest)
            assert not transaction.get_connection().in_atomic_block
            about = arguments.get("part", order)
            found.append((name, about.status))

        signal = getattr(signals, name)
        signal.connect(hear)
        receivers.append((signal, hear))
    yield found
    for signal, hear in receivers:
        signal.disconnect(hear)


@pytest.mark.django_db(transaction=True)
def test_each_fact_is_told_once_after_it_was_committed(
    heard: list[tuple[str, str]], settings: Any, tmp_path: Path
) -> None:
    numbers(settings, tmp_path, "one", "two")
    with transaction.atomic():
        placed = order("one", "two", "asked")
        assert heard == []
    assert heard == [("order_placed", "queued")]
    assert testing.package_order(placed).status == "partly_ready"
    assert heard[1:] == [("part_delivered", "delivered")] * 2
    heard.clear()
    approvals.reject(placed.locators.get(resource="asked").pk, actor="ana")
    assert heard == [("order_ready", "ready_with_errors")], "by the site: nothing is awaited any more"
    heard.clear()
    ended = testing.package_order(order("gone"))
    assert (ended.status, heard) == ("failed", [("order_placed", "queued"), ("order_failed", "failed")])


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_not_told(heard: list[tuple[str, str]], resource: Resource) -> None:
    def place_and_fail() -> None:
        with transaction.atomic():
            order("dem")
            raise ValueError("the view failed")

    with pytest.raises(ValueError, match="the view failed"):
        place_and_fail()
    assert (heard, DownloadRequest.objects.count()) == ([], 0)


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_raises_harms_nobody(
    heard: list[tuple[str, str]], resource: Resource, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_arguments: Any) -> None:
        raise RuntimeError("a defect of the site")

    signals.order_placed.connect(fail)
    try:
        answer = client.post(
            "/downloads/api/requests/",
            data={"email": EMAIL, "language": "en", "resources": [{"resource": "dem"}]},
            content_type="application/json",
        )
    finally:
        signals.order_placed.disconnect(fail)
    assert answer.status_code == 201
    assert heard == [("order_placed", "queued")]
    assert "a defect of the site" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_example_of_a_receiver_hears(resource: Resource, caplog: pytest.LogCaptureFixture) -> None:
    names = execute(example("When something happens"))
    config: AppConfig = names["PortalConfig"]("portal", sys.modules[__name__])
    config.ready()
    try:
        with caplog.at_level(logging.WARNING, logger="portal"):
            placed = delivered("dem")
    finally:
        for signal in (signals.order_ready, signals.order_failed):
            assert signal.disconnect(dispatch_uid="portal")
    assert f"Order {placed.number} is ready." in caplog.text


# Helpers for tests


def numbers(settings: Any, folder: Path, *names: str) -> None:
    """Make resources of files, one of a file that is not there, and one that waits for a decision."""
    data = folder / "data"
    data.mkdir()
    settings.DOWNLOADS_FILE_ROOTS = [data]
    settings.DOWNLOADS_TRIGGER = "downman.testing.RecordingTrigger"
    for name in (*names, "gone"):
        (data / f"{name}.txt").write_text(name)
        Resource.objects.create(id=name, title=name, source="file", url=(data / f"{name}.txt").as_uri())
    (data / "gone.txt").unlink()
    Resource.objects.create(id="asked", title="asked", source="file", url=data.as_uri(), restricted=True)


@pytest.mark.usefixtures("django_db_setup")
def test_the_example_of_a_test_passes(django_db_blocker: pytest.FixtureRequest) -> None:
    case = execute(example("Tests"))["OrderTest"]
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        result = unittest.TextTestRunner().run(suite)
    assert (result.testsRun, result.failures, result.errors) == (2, [], [])


@pytest.mark.django_db
def test_the_helpers_work_within_a_test_of_pytest(
    settings: Any, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    numbers(settings, tmp_path, "one")
    with testing.isolated(tmp_path):
        with django_capture_on_commit_callbacks(execute=True):
            placed = order(OrderLine(resource="one"))
        (asked,) = [run for run in testing.RecordingTrigger.requested if run.job == "package-request"]
        assert (asked.request_id, asked.at) == (placed.pk, None)
        placed.refresh_from_db()
        assert str(placed.run_id) == testing.RecordingTrigger().start(asked.job, key=asked.key)
        assert testing.package_order(placed).status == "ready"
        assert [mail.recipient for mail in testing.compose_mails(placed)] == [EMAIL, EMAIL]


@pytest.mark.django_db(transaction=True)
def test_each_isolated_test_begins_with_nothing_requested(
    resource: Resource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All of it is in one window of the mails.
    now = timezone.now()
    monkeypatch.setattr("downman.services.dispatch.timezone.now", lambda: now)

    def jobs() -> list[str]:
        order("dem")
        return sorted(run.job for run in testing.RecordingTrigger.requested)

    both = ["package-request", "send-notices"]
    for _ in range(2):
        with testing.isolated(tmp_path):
            assert jobs() == both
    decorated = testing.isolated(tmp_path)(jobs)
    assert [decorated(), decorated()] == [both, both]

    @testing.isolated(tmp_path)
    class Case(SimpleTestCase):
        databases = "__all__"

        def test_one(self) -> None:
            assert jobs() == both

        def test_two(self) -> None:
            assert jobs() == both

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert (result.testsRun, result.failures, result.errors) == (2, [], [])


def test_without_what_workers_need_the_helper_says_what_to_install() -> None:
    # As in an environment in which only the site's part is installed.
    code = (
        "import sys; sys.modules['stream_zip'] = None\n"
        "import django; django.setup()\n"
        "from downman import testing\n"
        "from downman.models import DownloadRequest\n"
        "testing.package_order(DownloadRequest(pk=1))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=60, check=False, cwd=HERE,
        env={"DJANGO_SETTINGS_MODULE": "downman_site.settings"},
    )  # fmt: skip
    assert "ImproperlyConfigured: Orders are packaged with what workers need" in done.stderr
    assert "pip install 'downman[worker]'" in done.stderr

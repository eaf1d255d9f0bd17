"""A site that stores times without their zone (`USE_TZ = False`) is refused before it stores any."""

from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks

from downman.environment import InvalidSettings
from downman.settings import app_settings
from downman_ops.launch import databases
from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.integration.small_site import SmallSite, make_site

SENTENCE = "Django's USE_TZ is False."
WHAT_TO_DO = "Set USE_TZ = True"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedDatabase) -> SmallSite:
    databases.ensure_database(postgres.url("without_zones"))
    folder = tmp_path_factory.mktemp("without-zones")
    return make_site(folder, postgres.url("without_zones"), settings="USE_TZ = False\n")


@pytest.mark.django_db
def test_a_check_refuses_it_and_says_what_to_do(settings: Any) -> None:
    settings.USE_TZ = False
    (found,) = [message for message in run_checks(tags=["downloads"]) if message.id == "downloads.E029"]
    assert found.msg == SENTENCE
    assert found.hint is not None
    assert found.hint.startswith(WHAT_TO_DO)
    with pytest.raises(InvalidSettings, match=SENTENCE):
        app_settings()
    settings.USE_TZ = True
    assert app_settings()


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "django", "migrate"],
        ["-m", "django", "check"],
        ["-m", "django", "runserver", "--noreload", "127.0.0.1:0"],
        ["-m", "django", "import_catalogue", "nothing.json"],
        # What a worker's zygote loads before it takes a run, and what a run of Prefect's own worker loads.
        ["-c", "from downman_flows.preload import load; load()"],
        ["-m", "django", "downman", "doctor"],
        ["-m", "django", "downman", "stats"],
    ],
    ids=lambda command: " ".join(command[1:3]),
)
def test_every_way_into_the_site_refuses_it(site: SmallSite, command: list[str]) -> None:
    done = site.run(*command)
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert SENTENCE in said
    assert WHAT_TO_DO in said.replace("Set it to True", WHAT_TO_DO)
    assert "django" not in command or "Traceback" not in said, said


def test_migrate_has_made_no_table(site: SmallSite, tmp_path: Path) -> None:
    assert site.run("-m", "django", "migrate").returncode != 0
    tables = site.must_run(
        "-c",
        "import django; django.setup(); from django.db import connection as c; print(c.introspection.table_names())",
    )
    assert tables.strip() == "[]"

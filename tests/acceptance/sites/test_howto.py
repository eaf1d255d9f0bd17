"""docs/how-to/add-to-your-site.md, done as it stands in a new site."""

import json
import stat
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement

from tests.acceptance.sites.howto import Kind, read_blocks
from tests.acceptance.sites.made_site import MadeSite

MOST_STEPS = 8


def test_it_has_few_steps_and_begins_with_what_is_installed_here() -> None:
    blocks = read_blocks()
    assert max(block.step for block in blocks) <= MOST_STEPS
    first, *_others = blocks
    assert first.text.startswith("pip install ")
    wanted = Requirement(first.text.removeprefix("pip install ").strip().strip("'"))
    installed = metadata.distribution(wanted.name)
    assert wanted.extras <= set(installed.metadata.get_all("Provides-Extra") or ())
    kept_running = [block.text.strip() for block in blocks if block.kind is Kind.KEEP_RUNNING]
    assert kept_running == ["downman service prefect", "downman service worker", "python manage.py runserver"]


def test_an_order_becomes_a_package_and_an_e_mail(howto_site: MadeSite) -> None:
    names = howto_site.wait_for_package(howto_site.order())
    assert "manifest.json" in names
    assert any(name.endswith("numbers.txt") for name in names), names
    assert "downloads@example.org" in howto_site.wait_for_mail(".zip")


def test_the_folders_are_made_with_the_right_modes(howto_site: MadeSite) -> None:
    modes = {
        name: stat.S_IMODE((howto_site.folder / "downloads" / name).stat().st_mode) for name in ("packages", "staging")
    }
    assert modes == {"packages": 0o750, "staging": 0o700}


def test_prefect_has_its_database_beside_the_sites_and_takes_no_other_login(howto_site: MadeSite) -> None:
    made = howto_site.shell(
        "from django.db import connection as c; k = c.cursor(); "
        'k.execute("SELECT datname FROM pg_database"); print(*sorted(row[0] for row in k))'
    )
    assert "portal_prefect" in made.split()
    answer = howto_site.http.get(f"{howto_site.prefect.api_url}/admin/version")
    assert answer.status_code == 401


def test_the_doctor_finds_nothing_wrong_and_hints_work_in_the_sites_folder(howto_site: MadeSite) -> None:
    def findings() -> Any:
        found = json.loads(howto_site.typed("downman doctor --json").stdout)["findings"]
        return found if not [row for row in found if row["state"] == "wrong"] else None

    found = howto_site.until(findings)
    assert {row["part"] for row in found} >= {"mail server", "workers", "package folder", "staging folder"}
    # What its hints name acts on the same site and server.
    assert "DJANGO_SETTINGS_MODULE" not in howto_site.environment
    assert json.loads(howto_site.run("downman prefect work-pool inspect downman --output json"))["name"] == "downman"
    assert howto_site.run("downman bootstrap --show")


def look(site: MadeSite, part: str) -> Any:
    """Return what the doctor finds of a part."""
    found = json.loads(site.typed("downman doctor --json").stdout)["findings"]
    return [(row["state"], row["found"]) for row in found if row["part"] == part]


def test_the_doctor_says_what_was_left_out(howto_site: MadeSite) -> None:
    packages, mail = howto_site.folder / "downloads" / "packages", howto_site.programs.pop("mail")
    packages.rename(packages.with_name("elsewhere"))
    mail.stop()
    try:
        assert look(howto_site, "package folder") == [("wrong", f"{packages} is not there")]
        ((state, found),) = look(howto_site, "mail server")
        assert state == "wrong"
        assert f"127.0.0.1:{howto_site.mail_port}" in found
    finally:
        packages.with_name("elsewhere").rename(packages)
        howto_site.start("mail", mail.command)
    # A setting that Prefect has not been told yet.
    settings = (howto_site.folder / "portal" / "settings.py").read_text()
    howto_site.add("portal/settings.py", 'EMAIL_HOST = "localhost"\n')
    try:
        differs = ("warning", "Prefect's block differs from the site's EMAIL_ settings here: DOWNMAN_MAIL_HOST")
        assert differs in look(howto_site, "mail server")
    finally:
        howto_site.write({"portal/settings.py": settings})

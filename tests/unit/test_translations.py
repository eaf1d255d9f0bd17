"""The Spanish catalogue says everything, and what is compiled is what was written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils.translation import gettext, override

import downman
from downman.domain.errors import sentences

SITE = Path(downman.__file__).parents[1]
CATALOGUE = Path("downman/locale/es/LC_MESSAGES/django.po")
HOW = "run `python -m downman_site.manage make_translations`, translate what is empty, and run it again"


def messages(text: str) -> set[str]:
    """Return the messages of a catalogue without dates and places."""
    kept = [line for line in text.splitlines() if not line.startswith(("#", '"POT-Creation-Date'))]
    return set("\n".join(kept).split("\n\n"))


def test_nothing_is_left_untranslated() -> None:
    done = subprocess.run(
        ["msgfmt", "--check", "--statistics", "--output-file=-", SITE / CATALOGUE],
        capture_output=True,
        check=True,
        env={"PATH": os.defpath, "LC_ALL": "C"},
    )
    assert re.fullmatch(rb"\d+ translated messages\.", done.stderr.strip()), f"{done.stderr!r}: {HOW}"


def test_what_is_compiled_is_what_was_written(tmp_path: Path) -> None:
    subprocess.run(["msgfmt", f"--output-file={tmp_path / 'fresh.mo'}", SITE / CATALOGUE], check=True)
    compiled = [
        subprocess.run(["msgunfmt", path], capture_output=True, check=True, text=True).stdout
        for path in (tmp_path / "fresh.mo", (SITE / CATALOGUE).with_suffix(".mo"))
    ]
    assert compiled[0] == compiled[1], f"The compiled catalogue is old: {HOW}."


def test_the_catalogue_holds_what_the_code_says(tmp_path: Path) -> None:
    copied = tmp_path / SITE.name
    shutil.copytree(SITE, copied, ignore=shutil.ignore_patterns("__pycache__", "data"))
    subprocess.run(
        [sys.executable, "-m", "downman_site.manage", "make_translations", "--verbosity=0"],
        cwd=copied,
        check=True,
        capture_output=True,
    )
    written, found = ((folder / CATALOGUE).read_text(encoding="utf-8") for folder in (SITE, copied))
    assert messages(found) == messages(written), f"The catalogue is old: {HOW}."


@pytest.mark.parametrize("code", sorted(set(sentences()) - {"confirmation-refused", "order-refused", "limit-reached"}))
def test_every_error_speaks_spanish_and_keeps_its_details(code: str) -> None:
    sentence = sentences()[code]
    with override("es"):
        spanish = gettext(sentence)
    assert spanish != sentence
    assert sorted(re.findall(r"{\w+}", spanish)) == sorted(re.findall(r"{\w+}", sentence))

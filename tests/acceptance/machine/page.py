"""What a page of the docs has people type."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """One block of commands."""

    #: The heading under which it stands.
    heading: str
    commands: str


def typed(page: str) -> list[Block]:
    """Return the blocks marked `sh` of a page below `docs`, in their order."""
    blocks = []
    heading = ""
    for part in re.split(r"^(#+ .*)$", (ROOT / "docs" / page).read_text(), flags=re.MULTILINE):
        if part.startswith("#"):
            heading = part.lstrip("# ")
        blocks += [Block(heading, found) for found in _BLOCK.findall(part)]
    return blocks

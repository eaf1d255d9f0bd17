"""The steps of docs/how-to/add-to-your-site.md, taken from the page itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "add-to-your-site.md"
_BLOCK = re.compile(r"^( *)```\w+\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^(\d+)\. ", re.MULTILINE)
_FILE = re.compile(r"Add to `([^`]+)`:")


class Kind(Enum):
    """What a person does with a block."""

    WRITE = "add it to a file"
    RUN = "type it"
    KEEP_RUNNING = "type it in a terminal of its own"


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block of a step: `file` is the one to which it is added."""

    step: int
    kind: Kind
    text: str
    file: str = ""


def read_blocks() -> list[Block]:
    """Return the blocks of the numbered steps, in their order."""
    return list(_blocks(PAGE.read_text().partition("\n## ")[0]))


def _blocks(page: str) -> Iterator[Block]:
    for match in _BLOCK.finditer(page):
        before = page[: match.start()]
        step = int(_STEP.findall(before)[-1])
        paragraph = " ".join(before.rstrip().rpartition("\n\n")[2].split())
        text = re.sub(f"^{match[1]}", "", match[2], flags=re.MULTILINE)
        if file := _FILE.search(paragraph):
            yield Block(step=step, kind=Kind.WRITE, text=text, file=file[1])
        else:
            kind = Kind.KEEP_RUNNING if "keep it running:" in paragraph else Kind.RUN
            yield Block(step=step, kind=kind, text=text)

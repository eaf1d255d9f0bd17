"""`downman files`: where the files are that an installation brings for other programs."""

import argparse
from collections.abc import Sequence

from downman_ops.data_files import FOLDERS, data_file


def run(words: Sequence[str]) -> int:
    """Print one folder, or all of them, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="downman files", description="Prints the folder with the files for a program, or all of them."
    )
    parser.add_argument("program", nargs="?", choices=FOLDERS, help="the program (all)")
    program = parser.parse_args(words).program
    for name in [program] if program else FOLDERS:
        print(data_file(name))  # noqa: T201
    return 0

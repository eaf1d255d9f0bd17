"""The options of `downman bootstrap`, read before Prefect is imported."""

import argparse
from collections.abc import Sequence
from pathlib import Path


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return the options; ends the process where they are not understood."""
    parser = argparse.ArgumentParser(
        prog="downman bootstrap",
        description="Sets Prefect up for downman, again and again without harm. Pool, queues and mail server come from "
        "the environment, deployments and schedules from prefect.yaml; what is ours in Prefect and no longer in the "
        "file is deleted. Workers learn of it without a restart.",
    )
    parser.add_argument(
        "--wait-seconds", type=float, default=60, metavar="SECONDS", help="how long to wait for Prefect's server (60)"
    )
    parser.add_argument(
        "--declare-crashed-runs",
        action="store_true",
        help="no worker runs now: runs that Prefect believes to be running have crashed",
    )
    parser.add_argument(
        "--show",
        action="store_true",
        help="change nothing: show what Prefect holds, and what differs from the settings (exit status 1)",
    )
    parser.add_argument("--file", type=Path, help="another prefect.yaml than downman's own")
    return parser.parse_args(words)

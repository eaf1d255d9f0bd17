"""What the tests of the worker type use, for those of downman with it."""

from pathlib import Path

from warm_process_tests.workers import Runs, Worker, create_queue, until

__all__ = ["ROOT", "Runs", "Worker", "create_queue", "until"]

ROOT = Path(__file__).parents[3]

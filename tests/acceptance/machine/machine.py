"""A machine of its own for a newcomer: systemd, in namespaces of this one, with its own files, processes and ports.

Only root can make it. Its files are those of this machine, under an overlay, so whatever is done there is gone with it.
It has no network but its loopback, so what a newcomer would download must be here already: the Debian packages
(`make tools`), and the Python packages of the environment that runs the tests.
"""

import os
import secrets
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Self

import psutil

ROOT = Path(__file__).parents[3]
OWN_ROOT = Path(__file__).with_name("own_root.sh")
BOOT = Path(__file__).with_name("boot.sh")
BOOT_SECONDS = 60
#: Where the folder of a machine is seen inside.
SCRATCH = "/run/scratch"
#: What `apt-get install` would do, where there is no network: see that it is installed.
APT_GET = """#!/bin/bash
[ "$1" = update ] && exit 0
shift
for name in "$@"; do
  # Of python3-venv only pip is missing where it is missing, which would need the network.
  case $name in -* | python3-venv) continue ;; esac
  dpkg-query --show --showformat='${db:Status-Status}' "$name" | grep -qx installed ||
    { echo "not installed: $name" >&2; exit 1; }
done
"""


NAMESPACES = (
    "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--cgroup", "--ipc", "--uts", "--mount-proc",
)  # fmt: skip


def reason_against() -> str | None:
    """Return why no machine can be made here, or nothing."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return "only root can make a machine of its own, with `unshare`"
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run(_in_own_root(Path(folder), "true"), capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"a machine of its own needs namespaces, cgroups and an overlay: {tried.stderr.strip()}"
    return None


def _in_own_root(folder: Path, *command: str) -> list[str]:
    return [
        *NAMESPACES, "bash", str(OWN_ROOT), str(folder), sysconfig.get_path("purelib"), sys.base_prefix, *command,
    ]  # fmt: skip


class Machine:
    """`with Machine(folder) as machine:` has systemd running; all of it ends with the block."""

    def __init__(self, folder: Path) -> None:
        """Nothing is started yet."""
        self._folder = folder
        self._boot: subprocess.Popen[bytes] | None = None
        self._shell: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Boot, and open a shell."""
        with (self._folder / "boot.log").open("wb") as log:
            self._boot = subprocess.Popen(
                # As text, for inside it may not be seen where it lies here.
                _in_own_root(self._folder, "bash", "-c", BOOT.read_text()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_for_systemd()
            self._shell = subprocess.Popen(
                [*self._inside(), "bash", "--noprofile", "--norc"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={
                    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "HOME": "/root",
                    "LANG": "C.UTF-8",
                },
            )
            self._write("/usr/local/bin/apt-get", APT_GET)
            self.type("set -euo pipefail; hash -r")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._end()

    def type(self, commands: str) -> str:
        """Type commands into the shell; give what was said. Fails with it when one of them fails."""
        assert self._shell is not None
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        mark = secrets.token_hex(8)
        self._shell.stdin.write(f"{commands}\necho {mark}\n")
        self._shell.stdin.flush()
        said: list[str] = []
        for line in self._shell.stdout:
            if line.rstrip("\n").endswith(mark):
                # What was said last may not have ended its line.
                return "".join([*said, line.rstrip("\n").removesuffix(mark)])
            said.append(line)
        raise AssertionError(f"{commands}\nfailed; it said:\n{''.join(said)}\n{self.journal()}")

    def install_python_packages(self, checkout: str) -> None:
        """Do what `make` would, with the packages of the environment that runs the tests."""
        target = f"{checkout}/.venv/lib/python{sysconfig.get_python_version()}/site-packages"
        over = "/run/packages-changed"
        self.type(
            f"mkdir -p {over}/up {over}/work\n"
            # The same interpreter: what another one needs besides is not among them.
            f"/run/python/bin/python{sysconfig.get_python_version()} -m venv --without-pip {checkout}/.venv\n"
            f"mount -t overlay overlay -o lowerdir=/run/packages,upperdir={over}/up,workdir={over}/work {target}\n"
            f"rm {target}/_downman.pth {target}/_prefect_warm_process.pth\n"
            f"printf '{checkout}/%s\\n' django_integration flows deployments deployments/prefect_warm_process/src"
            f" > {target}/downman.pth\n"
            # What pip makes of [project.scripts].
            f"printf '#!{checkout}/.venv/bin/python\\nimport sys\\nfrom downman_ops.cli.main import main\\n"
            f"sys.exit(main())\\n' > {checkout}/.venv/bin/downman\n"
            f"chmod 755 {checkout}/.venv/bin/downman\n"
            f"touch {checkout}/.venv/installed"
        )

    def serve_mail(self) -> None:
        """Have a mail server listen on port 25, which keeps every mail below /srv/mail."""
        self.type(
            "mkdir -p /srv/mail; cd /opt/downman\n"
            "systemd-run --quiet --unit=mail --working-directory=/opt/downman"
            " .venv/bin/python -m downman_ops.launch.mail_sink 25 /srv/mail"
        )

    def _wait_for_systemd(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            assert self._boot is not None
            assert self._boot.poll() is None, (self._folder / "boot.log").read_text()
            children = psutil.Process(self._boot.pid).children()
            if children and children[0].name() == "systemd":
                self._pid = children[0].pid
                said = subprocess.run(
                    [*self._inside(), "systemctl", "is-system-running", "--wait"],
                    capture_output=True,
                    text=True,
                    timeout=BOOT_SECONDS,
                    check=False,
                )
                if said.stdout.strip() in {"running", "degraded"}:
                    return
            assert time.monotonic() < deadline, (self._folder / "boot.log").read_text()
            time.sleep(0.1)

    def _inside(self) -> list[str]:
        return ["nsenter", f"--target={self._pid}", "--all", "--root", "--wd"]

    def _write(self, path: str, text: str) -> None:
        subprocess.run([*self._inside(), "tee", path], input=text.encode(), stdout=subprocess.DEVNULL, check=True)
        subprocess.run([*self._inside(), "chmod", "755", path], check=True)

    def journal(self) -> str:
        """Return what the services said last."""
        said = subprocess.run(
            [*self._inside(), "journalctl", "--no-pager", "--lines=60", "--unit=downman*"],
            capture_output=True,
            text=True,
            check=False,
        )
        return said.stdout

    def _end(self) -> None:
        if self._shell is not None:
            self._shell.kill()
            self._shell.communicate()
        if self._boot is not None:
            # With the first process of a PID namespace all others end, and with the last one its mounts.
            self._boot.kill()
            self._boot.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

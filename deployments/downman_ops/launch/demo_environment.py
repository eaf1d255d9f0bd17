"""The environment variables under which every process of a demo runs."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from downman.secret_files import read_own_file
from downman_ops.errors import ConfigurationError
from downman_ops.launch import prefect_environment
from downman_ops.launch.demo_home import MARK, DemoHome
from downman_ops.launch.ports import HOST

#: What a person may set differently.
DEFAULTS: Mapping[str, str] = {
    **prefect_environment.DEFAULTS,
    # Ctrl-C is not to wait; running orders are returned to the queue and continue after the next start.
    "WARM_PROCESS_STOP_GRACE_SECONDS": "0.5",
    "PYTHONUNBUFFERED": "1",
}
#: Settings of a person's own Prefect, which would lead away from the demo's.
FOREIGN = frozenset(
    {"PREFECT_API_KEY", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH", "PREFECT_API_DATABASE_CONNECTION_URL"}
)


@dataclass(frozen=True, kw_only=True)
class Demo:
    """All that a start has settled: places, ports, databases and secrets."""

    home: DemoHome
    port: int
    prefect_port: int
    smtp_port: int
    database_url: str
    prefect_database_url: str
    secret_key: str
    prefect_auth: str

    @property
    def site_url(self) -> str:
        """The URL of the site."""
        return f"http://{HOST}:{self.port}"

    @property
    def prefect_url(self) -> str:
        """The URL of Prefect's pages."""
        return f"http://{HOST}:{self.prefect_port}"


#: The settings of the demo's site.
DEMO_SETTINGS = "downman_site.settings"
#: What a command in another terminal needs in order to work with the running demo, and what it must not have: the mark
#: of the demo's own processes, which end with it, and the login of Prefect's database.
_SHARED = ("DOWNMAN_", "DOWNLOADS_", "PREFECT_API_")
_NOT_SHARED = frozenset({MARK, "DOWNMAN_HOME", "DOWNMAN_PREFECT_DATABASE_URL"})


def build_environment(demo: Demo) -> dict[str, str]:
    """Return the environment for every process of the demo."""
    inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return {
        **DEFAULTS,
        **inherited,
        MARK: str(demo.home.root),
        **_without_proxy(),
        "DJANGO_SETTINGS_MODULE": DEMO_SETTINGS,
        "DOWNMAN_HOME": str(demo.home.root),
        "DOWNMAN_PORT": str(demo.port),
        "DOWNMAN_PREFECT_PORT": str(demo.prefect_port),
        "DOWNMAN_SMTP_PORT": str(demo.smtp_port),
        "DOWNMAN_DATABASE_URL": demo.database_url,
        "DOWNMAN_SECRET_KEY": demo.secret_key,
        # The demo's mails go to its own sink, whatever mail server the environment names.
        "DOWNMAN_MAIL_HOST": HOST,
        "DOWNMAN_MAIL_PORT": str(demo.smtp_port),
        "DOWNMAN_MAIL_TYPE": "INSECURE",
        "DOWNMAN_MAIL_USER": "",
        "DOWNMAN_MAIL_PASSWORD": "",
        **prefect_environment.for_all(demo.home.prefect),
        **prefect_environment.for_server(
            demo.home.prefect, database_url=demo.prefect_database_url, login=demo.prefect_auth
        ),
        "TMPDIR": str(demo.home.temporary),
        "PREFECT_API_URL": f"{demo.prefect_url}/api",
        "PREFECT_UI_API_URL": f"{demo.prefect_url}/api",
        "PREFECT_API_AUTH_STRING": demo.prefect_auth,
    }


def _without_proxy() -> dict[str, str]:
    """Return the variables that keep programs from asking a proxy for what runs on this machine."""
    hosts = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), HOST, "localhost"]))
    return {"NO_PROXY": hosts, "no_proxy": hosts}


def write_shared_env(demo: Demo, environment: Mapping[str, str]) -> None:
    """Leave in the home what commands in other terminals need; the demo's settings read it there too."""
    shared = {
        name: value for name, value in environment.items() if name.startswith(_SHARED) and name not in _NOT_SHARED
    }
    demo.home.write_secret(demo.home.environment, json.dumps(shared, indent=1))


def load_shared_env(home: DemoHome) -> bool:
    """Take what a demo left in its home for this process's environment; return whether one ran there.

    Where the demo is, its home says; a setting of the app may be given differently to one command. Raises
    `ConfigurationError` where others may have written it.
    """
    os.environ["DOWNMAN_HOME"] = str(home.root)
    try:
        text = read_own_file(home.environment)
    except ValueError as exc:
        raise ConfigurationError(str(exc)) from None
    if text is None:
        return False
    shared: Mapping[str, str] = json.loads(text)
    for name in FOREIGN:
        os.environ.pop(name, None)
    for name, value in {**DEFAULTS, **shared}.items():
        if name in DEFAULTS or name.startswith("DOWNLOADS_"):
            os.environ.setdefault(name, value)
        else:
            os.environ[name] = value
    os.environ.update({**_without_proxy(), **prefect_environment.for_all(home.prefect)})
    return True


#: What to do about a demo that is not running.
START_DEMO = "Start it with `make demo` (or `downman demo`) in another terminal."


def find_stopped_demo() -> DemoHome | None:
    """Return the home of the demo that this process is to act on, if that is not running."""
    home = DemoHome(root=Path(os.environ.get("DOWNMAN_HOME", ".local")).expanduser().resolve())
    is_demo = os.environ.get("DJANGO_SETTINGS_MODULE") == DEMO_SETTINGS and home.environment.exists()
    return home if is_demo and not home.is_running() else None

"""The environment variables under which every process of a demo runs."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from downman_ops.launch import prefect_environment
from downman_ops.launch.demo_home import DemoHome
from downman_ops.launch.orphan_processes import MARK
from downman_ops.launch.ports import HOST

#: What a person may set differently.
DEFAULTS: Mapping[str, str] = {
    **prefect_environment.DEFAULTS,
    # Ctrl-C is not to wait; what is under way is handed back and goes on with the next start.
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
        """The address of the site."""
        return f"http://{HOST}:{self.port}"

    @property
    def prefect_url(self) -> str:
        """The address of Prefect's pages."""
        return f"http://{HOST}:{self.prefect_port}"


#: What a command in another terminal needs in order to work with the running demo.
SHARED = (
    "DOWNMAN_PORT", "DOWNMAN_DATABASE_URL", "DOWNMAN_SECRET_KEY", "PREFECT_API_URL", "PREFECT_API_AUTH_STRING",
)  # fmt: skip


def build_environment(demo: Demo) -> dict[str, str]:
    """Return the environment for every process of the demo."""
    inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    direct = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), HOST, "localhost"]))
    return {
        **DEFAULTS,
        **inherited,
        MARK: str(demo.home.root),
        "NO_PROXY": direct,
        "no_proxy": direct,
        "DJANGO_SETTINGS_MODULE": "downman_site.settings",
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


def share(demo: Demo, environment: Mapping[str, str]) -> None:
    """Leave in the home what the site's settings read there (`downman_site.settings`)."""
    shared = {name: value for name, value in environment.items() if name in SHARED or name.startswith("DOWNLOADS_")}
    demo.home.write_secret(demo.home.environment, json.dumps(shared, indent=1))

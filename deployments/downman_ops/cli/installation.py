"""Which installation a command acts on, and its environment."""

import os
from pathlib import Path

from downman_ops.data_files import checkout
from downman_ops.errors import ConfigurationError
from downman_ops.launch import own_site
from downman_ops.launch.demo_environment import DEMO_SETTINGS, load_shared_env
from downman_ops.launch.demo_home import DemoHome
from downman_ops.launch.service import PRODUCTION_SETTINGS, load_service_env

#: Where a demo keeps everything unless DOWNMAN_HOME says otherwise, below the present folder or the checkout.
USUAL_HOME = ".local"


def load_installation(env_file: Path | None, *, part: str, must_exist: bool = True) -> None:
    """Make the environment of the chosen installation this process's own.

    That is, in this order: the services that `env_file` describes, or the environment itself where it names the
    settings of the reference site for production; the site whose settings DJANGO_SETTINGS_MODULE names, or else
    `manage.py` in the present folder, unless DOWNMAN_HOME names a demo; the demo.
    `part` says which secrets a service needs (`launch.service`). Raises `ConfigurationError`, unless `must_exist` is
    false, where nothing was ever started.
    """
    settings = os.environ.get(own_site.SETTINGS_MODULE) or _find_site() or DEMO_SETTINGS
    if env_file is not None or settings == PRODUCTION_SETTINGS:
        load_service_env(env_file, part=part)
    elif settings == DEMO_SETTINGS:
        _load_demo(
            needed="PREFECT_API_URL" if part in {"bootstrap", "prefect"} else "DOWNMAN_DATABASE_URL",
            must_exist=must_exist,
        )
    else:
        os.environ[own_site.SETTINGS_MODULE] = settings
        own_site.load(part)


def _find_site() -> str | None:
    if "DOWNMAN_HOME" in os.environ and find_demo_home().environment.exists():
        return None
    return own_site.find_settings_module(Path.cwd())


def _load_demo(*, needed: str, must_exist: bool) -> None:
    home = find_demo_home()
    os.environ["DJANGO_SETTINGS_MODULE"] = DEMO_SETTINGS
    if load_shared_env(home) or os.environ.get(needed) or not must_exist:
        return
    raise ConfigurationError(
        f"No demo has been started in {home.root}. Start one with `downman demo`; or name the folder of another one "
        "(DOWNMAN_HOME), the settings of your site (DJANGO_SETTINGS_MODULE, or its folder with manage.py as the "
        "present one), or the file of your services (--env-file)."
    )


def find_demo_home() -> DemoHome:
    """Return the home of the demo: one where a demo has run, if there is any."""
    if said := os.environ.get("DOWNMAN_HOME"):
        return DemoHome(root=Path(said).expanduser().resolve())
    homes = [DemoHome(root=(folder / USUAL_HOME).resolve()) for folder in (Path.cwd(), checkout()) if folder]
    return next((home for home in homes if home.environment.exists()), homes[0])

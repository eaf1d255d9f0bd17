"""What runs must have in common to be forked from one zygote."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: Variables that differ from run to run; a child gets them on top of its zygote's environment.
PER_RUN = "PREFECT__"
#: A root certificate (ISRG Root X1), only read, never used to prove anything.
ONE_CERTIFICATE = Path(__file__).with_name("one_certificate.pem")


@dataclass(frozen=True)
class ZygoteKey:
    """What a zygote is made from; runs with the same key share one."""

    environment: tuple[tuple[str, str], ...]
    folder: str
    preload: tuple[str, ...]

    @classmethod
    def of(cls, environment: Mapping[str, str | None], *, folder: str, preload: tuple[str, ...]) -> "ZygoteKey":
        """Return the key for a run's environment; a variable that is None is one that must not be there."""
        kept = {name: value for name, value in environment.items() if value is not None and not _is_per_run(name)}
        return cls(environment=tuple(sorted(_with_shortcuts(kept).items())), folder=folder, preload=preload)


def get_run_variables(environment: Mapping[str, str | None]) -> dict[str, str]:
    """Return the variables of a run that its zygote does not have."""
    return {name: value for name, value in environment.items() if value is not None and _is_per_run(name)}


def _is_per_run(name: str) -> bool:
    return name.startswith(PER_RUN)


def _with_shortcuts(environment: Mapping[str, str]) -> dict[str, str]:
    """Spare each run what it need not do; what is set already stays.

    The worker has compared the versions of client and server. And each of the five or six clients that a run makes
    reads its certificates, 20 ms of work every time; for a server without TLS one certificate does.
    """
    shortcuts = {"PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false"}
    if environment.get("PREFECT_API_URL", "").startswith("http://"):
        shortcuts["PREFECT_API_SSL_CERT_FILE"] = str(ONE_CERTIFICATE)
    return {**shortcuts, **environment}

"""Whether a site can be reached from other machines without a proxy in front of it."""

from downman.domain.loopback import is_this_machine
from downman.settings import AppSettings


def find_exposure(bind: str, settings: AppSettings) -> str:
    """Return a sentence where the site listens beyond this machine and no proxy is named; else nothing.

    Each of gunicorn's threads waits for the request of one client: measured with 2 processes of 8 threads, 40
    connections that sent half of a head or of a body kept everybody else out for as long as they stayed, 40 that sent
    nothing for 20 s. None of its settings changes that. nginx waits for thousands at once, and hands on what is
    complete. A proxy on another machine is named by `DOWNLOADS_TRUSTED_PROXIES`.
    """
    if bind.startswith(("unix:", "fd://")):
        return ""
    host = bind.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    if is_this_machine(host) or settings.trusted_proxies:
        return ""
    return (
        f"DOWNMAN_SITE_BIND={bind}: other machines can reach the site without a proxy in front of it, where a few slow "
        "connections keep everybody else out. Let it listen at 127.0.0.1 and put nginx in front "
        "(docs/how-to/run-in-production.md); or, if there is a proxy on another machine, name its address in "
        "DOWNLOADS_TRUSTED_PROXIES."
    )

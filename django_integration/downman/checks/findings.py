"""Everything that the checks can find, by its number: the reference page is made from this."""

from collections.abc import Mapping
from typing import NamedTuple

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warned


class Finding(NamedTuple):
    """One thing that can be wrong with the settings."""

    wrong: str
    remedy: str


#: E: refused; W: a warning of `check --deploy`. A number is never given to something else.
FINDINGS: Mapping[str, Finding] = {
    "E001": Finding("A `DOWNLOADS_` name that is not known.", "Correct the name or take it away."),
    "E002": Finding("`DOWNLOADS_BEHAVIOUR` is none of those there are.", "Set it to NEVER, DYNAMIC or ALL."),
    "E003": Finding(
        "An entry of `DOWNLOADS_PRIVATE_ADDRESSES` is no network.",
        "Write networks like 192.0.2.0/24, or 127.0.0.1/32 for one address.",
    ),
    "E004": Finding(
        "A folder is not absolute: site and workers would look for it in different places.",
        "Write the whole path of the folder.",
    ),
    "E005": Finding(
        "`DOWNLOADS_TRIGGER` cannot be imported.", "Leave it out for Prefect, or give the dotted path of a class."
    ),
    "E006": Finding("A number is too small to work.", "Raise it."),
    "E007": Finding(
        "A list of delays is empty or holds less than a second.",
        "Write at least one number of seconds, each 1 or more.",
    ),
    "E008": Finding("A value is of another type than the setting.", "Write it as its line on this page says."),
    "E009": Finding(
        "What fails is given up before it would be tried again the first time.",
        "Raise the seconds after which it is given up, or lower the first delay.",
    ),
    "E010": Finding(
        "`DOWNLOADS_MAX_VALIDITY_DAYS` is less than `DOWNLOADS_VALIDITY_DAYS`: links would be older than they may get.",
        "Raise the first or lower the second.",
    ),
    "E011": Finding(
        "`DOWNLOADS_EXPIRY_WARNING_HOURS` is not less than the time that a link can be used: people would be warned of "
        "its end with the mail that brings it.",
        "Lower it, or raise DOWNLOADS_VALIDITY_DAYS.",
    ),
    "E012": Finding(
        "`DOWNLOADS_LEASE_SECONDS` is so short that a worker which is only busy would lose its request to another one.",
        "Set it to 5 or more.",
    ),
    "E013": Finding(
        "The package folder and the staging folder are the same, or one lies in the other.",
        "Give each a folder of its own.",
    ),
    "E014": Finding(
        "The package folder or the staging folder overlaps with one whose files everybody may have (`STATIC_ROOT`, "
        "`MEDIA_ROOT`, `STATICFILES_DIRS`).",
        "Move it out: only links may lead to packages, and what nobody owns there is deleted.",
    ),
    "E015": Finding(
        "A folder of `DOWNLOADS_FILE_ROOTS` overlaps with the package folder or the staging folder.",
        "Keep them apart: packages could be ordered as files, and files would be deleted as packages that nobody owns.",
    ),
    "E016": Finding(
        "A folder of `DOWNLOADS_FILE_ROOTS` holds what must not be handed out: it is `/`, a folder of the system, or "
        "has a folder `secrets`.",
        "Name only folders that hold nothing but data.",
    ),
    "E017": Finding(
        "A network of `DOWNLOADS_PRIVATE_ADDRESSES` is as large as the internet, or a good part of it: everything that "
        "this machine can reach could be fetched through it.",
        "Name the few networks in which your own data servers are.",
    ),
    "E018": Finding(
        "`DOWNLOADS_SITE_URL` is not the address of a site.",
        "Write scheme and host, with a port if need be, and nothing behind it: https://portal.example.org",
    ),
    "E019": Finding(
        "`DOWNLOADS_MAIL_FROM` is no mail address.", "Write an address, or a name and <address> behind it."
    ),
    "E020": Finding("An entry of `DOWNLOADS_ADMINISTRATORS` is no mail address.", "Write addresses only."),
    "E021": Finding(
        "`DOWNLOADS_STORAGE_BUDGET_BYTES` is less than `DOWNLOADS_MAX_PUBLIC_BYTES`: what everybody may order would "
        "never fit.",
        "Raise the first or lower the second.",
    ),
    "E022": Finding(
        "`DOWNLOADS_MAX_RESOURCE_BYTES` is less than `DOWNLOADS_MAX_PUBLIC_BYTES`: what everybody may order would be "
        "refused.",
        "Raise the first or lower the second.",
    ),
    "E023": Finding(
        "A web server sends the packages (`SENDFILE_BACKEND`), and `SENDFILE_ROOT` is not the package folder.",
        "Set SENDFILE_ROOT to DOWNLOADS_PACKAGE_DIR, and SENDFILE_URL to the server's internal place for it.",
    ),
    "E024": Finding("The site's database is not PostgreSQL.", "Use PostgreSQL 15 or newer."),
    "E025": Finding(
        "`DOWNLOADS_PREFECT_API_URL` is no http or https address.", "Write it as in http://127.0.0.1:4200/api"
    ),
    "E026": Finding(
        "`DOWNLOADS_PREFECT_API_AUTH_STRING` is not a login.", "Write user and password with a colon between them."
    ),
    "W001": Finding(
        "`DOWNLOADS_TRIGGER` is the one that starts nothing: orders would wait for ever.", "Leave it out for Prefect."
    ),
    "W002": Finding(
        "`DOWNLOADS_SITE_URL` is http: links and decisions go over the network for everybody to read.",
        "Put a web server with a certificate in front, and write https.",
    ),
    "W003": Finding(
        "`DOWNLOADS_MAIL_FROM` is an address of localhost: mail servers refuse it, and nobody can answer.",
        "Set it to an address that your mail server may send from.",
    ),
    "W004": Finding(
        "Prefect's server is on another machine and wants no login: whoever reaches it can run what they like.",
        "Set PREFECT_SERVER_API_AUTH_STRING there and PREFECT_API_AUTH_STRING here.",
    ),
    "W005": Finding(
        "Prefect's server is on another machine and asked by http: everybody on the way can read its login.",
        "Put a web server with a certificate in front of it, and write https.",
    ),
    "W006": Finding(
        "A network of `DOWNLOADS_PRIVATE_ADDRESSES` holds the address at which clouds give a machine its credentials.",
        "Name a smaller network, without 169.254.169.254 and fd00:ec2::254.",
    ),
    "W007": Finding(
        "The static files are not collected: every page would be an error.", "Run the command collectstatic."
    ),
}  # fmt: skip


def found(number: str, what: str) -> CheckMessage:
    """Say what was found, with its remedy."""
    kind = Error if number.startswith("E") else Warned
    return kind(what, hint=FINDINGS[number].remedy, id=f"downloads.{number}")

"""Everything that the checks can find, by its number; the reference page is generated from this."""

from collections.abc import Mapping
from typing import NamedTuple

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warned


class Finding(NamedTuple):
    """One thing that can be wrong with the settings."""

    problem: str
    hint: str


#: E: an error; W: a warning of `check --deploy`. A number is never reused.
FINDINGS: Mapping[str, Finding] = {
    "E001": Finding("There is no setting with this `DOWNLOADS_` name.", "Correct the name or remove it."),
    "E002": Finding("`DOWNLOADS_BEHAVIOUR` is not one of the existing values.", "Set it to NEVER, DYNAMIC or ALL."),
    "E003": Finding(
        "An entry of `DOWNLOADS_PRIVATE_ADDRESSES` is not a network.",
        "Write networks like 192.0.2.0/24, or 127.0.0.1/32 for a single address.",
    ),
    "E004": Finding(
        "The path of a folder is relative: site and workers would look for it in different places.",
        "Write the absolute path of the folder.",
    ),
    "E005": Finding(
        "`DOWNLOADS_TRIGGER` cannot be loaded, or is no trigger.",
        "Remove it to use Prefect, or write the dotted path of a class."
    ),
    "E006": Finding("A number is out of its bounds.", "Choose a number within its bounds."),
    "E007": Finding(
        "A list of delays is empty, or holds less than one second or more than a year.",
        "Write at least one number of seconds, each from 1 to 31622400.",
    ),
    "E008": Finding("A value is not of the setting's type.", "Write a value of that type."),
    "E009": Finding(
        "What fails would be given up before it is tried again for the first time.",
        "Raise the time after which it is given up, or lower the first delay.",
    ),
    "E010": Finding(
        "`DOWNLOADS_MAX_VALIDITY_DAYS` is less than `DOWNLOADS_VALIDITY_DAYS`: links would be "
        "valid for longer than allowed.",
        "Raise the first or lower the second.",
    ),
    "E011": Finding(
        "`DOWNLOADS_EXPIRY_WARNING_HOURS` is not less than the validity of a link: people would be warned of its "
        "expiry in the moment it is created.",
        "Lower it, or raise DOWNLOADS_VALIDITY_DAYS.",
    ),
    "E012": Finding(
        "`DOWNLOADS_LEASE_SECONDS` is so short that a busy worker would lose its order to another one, or so long that "
        "the order of a lost one would wait for hours.",
        "Set it to 5 or more, up to 3600.",
    ),
    "E013": Finding(
        "The package folder and the staging folder are the same, or one contains the other.",
        "Give each a folder of its own.",
    ),
    "E014": Finding(
        "The package folder or the staging folder overlaps with a folder of public files (`STATIC_ROOT`, `MEDIA_ROOT`, "
        "`STATICFILES_DIRS`).",
        "Move it out: packages may be reached by links only, and files that belong to no order are deleted.",
    ),
    "E015": Finding(
        "A folder of `DOWNLOADS_FILE_ROOTS` overlaps with the package folder or the staging folder.",
        "Separate them: packages could be ordered as files, and files that belong to no order would be deleted.",
    ),
    "E016": Finding(
        "A folder of `DOWNLOADS_FILE_ROOTS` must not be published: it is `/`, a system folder, or contains a folder "
        "`secrets`.",
        "Name only folders that contain nothing but data.",
    ),
    "E017": Finding(
        "A network of `DOWNLOADS_PRIVATE_ADDRESSES` is larger than any private network: everything that this "
        "machine can reach could be fetched through it.",
        "Name only the networks of your own data servers.",
    ),
    "E018": Finding(
        "`DOWNLOADS_SITE_URL` is not the URL of a site.",
        "Write scheme, host and, if needed, port, without a path: https://portal.example.org. The path of a site below "
        "one is Django's FORCE_SCRIPT_NAME.",
    ),
    "E019": Finding(
        "`DOWNLOADS_MAIL_FROM` is not an e-mail address.", "Write ana@example.org, or a name: Portal <ana@example.org>."
    ),
    "E020": Finding("An entry of `DOWNLOADS_ADMINISTRATORS` is not an e-mail address.", "Write e-mail addresses only."),
    "E021": Finding(
        "`DOWNLOADS_STORAGE_BUDGET_BYTES` is less than `DOWNLOADS_MAX_PUBLIC_BYTES`: a part that everybody may order "
        "would never fit.",
        "Raise the first or lower the second.",
    ),
    "E022": Finding(
        "`DOWNLOADS_MAX_RESOURCE_BYTES` is less than `DOWNLOADS_MAX_PUBLIC_BYTES`: a part that everybody may order "
        "would be rejected.",
        "Raise the first or lower the second.",
    ),
    "E023": Finding(
        "A web server sends the packages (`SENDFILE_BACKEND`), and `SENDFILE_ROOT` is not the package folder.",
        "Set SENDFILE_ROOT to DOWNLOADS_PACKAGE_DIR, and SENDFILE_URL to the server's internal location for it.",
    ),
    "E024": Finding("The site's database is not PostgreSQL.", "Use PostgreSQL 15 or newer."),
    "E025": Finding(
        "`DOWNLOADS_PREFECT_API_URL` is not an http or https URL.", "Write it like http://127.0.0.1:4200/api"
    ),
    "E026": Finding(
        "`DOWNLOADS_PREFECT_API_AUTH_STRING` is not a login.", "Write user and password with a colon between them."
    ),
    "E027": Finding(
        "A source of `DOWNLOADS_SOURCES` cannot be loaded, or does not declare what a source must.",
        "Install the package that it is in for the site and the workers, or correct its dotted path.",
    ),
    "E028": Finding(
        "`DOWNLOADS_STORAGE` cannot be loaded, or is no storage.",
        "Remove it to use a folder, or write the dotted path of a class.",
    ),
    "E029": Finding(
        "Django's `USE_TZ` is False: without their time zones, the times at which links expire and parts are tried "
        "again would be hours off between the site, its workers and Prefect.",
        "Set USE_TZ = True, as in a new Django project. What PostgreSQL has stored needs no conversion, and pages show "
        "times in TIME_ZONE as before.",
    ),
    "W001": Finding(
        "`DOWNLOADS_TRIGGER` starts no runs: orders would wait indefinitely.", "Remove it to use Prefect."
    ),
    "W002": Finding(
        "`DOWNLOADS_SITE_URL` is http: links and logins cross the network unencrypted.",
        "Put a web server with a certificate in front of the site, and write https.",
    ),
    "W003": Finding(
        "`DOWNLOADS_MAIL_FROM` is an e-mail address at localhost: mail servers reject it, and nobody can reply.",
        "Set it to an e-mail address from which your mail server may send.",
    ),
    "W004": Finding(
        "Prefect's server is on another machine and requires no login: whoever reaches it can run any code.",
        "Set PREFECT_SERVER_API_AUTH_STRING there and PREFECT_API_AUTH_STRING here.",
    ),
    "W005": Finding(
        "Prefect's server is on another machine and used over http: its login crosses the network unencrypted.",
        "Put a web server with a certificate in front of it, and write https.",
    ),
    "W006": Finding(
        "A network of `DOWNLOADS_PRIVATE_ADDRESSES` contains the address at which clouds give a machine its "
        "credentials.",
        "Name a smaller network, without 169.254.169.254 and fd00:ec2::254.",
    ),
    "W007": Finding(
        "The static files are not collected: every page would fail.", "Run the command collectstatic."
    ),
    "W008": Finding(
        "The site is behind a proxy, and `DOWNLOADS_TRUSTED_PROXIES` names none: all people count as one client, who "
        "soon reaches the limit of orders.",
        "Name the proxy, such as 127.0.0.1/32, or unix for one that connects by a socket of the machine.",
    ),
}  # fmt: skip


def message(number: str, text: str) -> CheckMessage:
    """Return the message about something found, with what to do about it."""
    kind = Error if number.startswith("E") else Warned
    return kind(text, hint=FINDINGS[number].hint, id=f"downloads.{number}")

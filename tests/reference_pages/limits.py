"""The page of the limits."""

from collections.abc import Callable

from downman.domain.limits import LimitName, Limits

TEXT = """\
# Limits

Made from `django_integration/downman/domain/limits.py`. Each limit is a field of *Download policy* in the admin,
which holds from the next order on, in every process; an empty field means the setting, and 0 means no limit.
`DOWNLOADS_LIMITS = False` switches all of them off; in the demo `DOWNMAN_LIMITS=off` does.

{table}
The defaults let a class of 40 order thrice each within ten minutes from one network, and a person order every ten
seconds without a pause; nobody does by hand, and a loop has done it within a second.

## What the one who is refused gets

Status 429 with `Retry-After` in seconds (RFC 6585, 4): a problem of the API with the member `limit`, the name above,
or the form again with all that was filled in, and in both a sentence that says what to do. For orders in a time
`Retry-After` is exact; for packages it is when enough of them have expired; for unfinished orders, whose end nobody
knows, it is a minute. `GET /downloads/api/limits/` says what is used and left:

```json
{{"limits": [{{"name": "orders_per_network", "limit": 120, "used": 3, "remaining": 117, "window_seconds": 600,
             "resets_at": "2026-11-26T20:10:00Z"}}, ...]}}
```

`resets_at` is when all that is used now no longer counts. `used` and `remaining` are null for what belongs to an
e-mail address as long as nobody has logged in: what an address has used is not told to those who merely know it. An
empty list means that nothing limits the one who asks.

## Whom a limit counts

- **A network** is the first `limit_ipv4_prefix` ({ipv4}) or `limit_ipv6_prefix` ({ipv6}) bits of the client's
  address. An IPv4 address in IPv6 form (`::ffff:192.0.2.1`) is that IPv4 address. The address is that of the
  connection; only where that is one of `DOWNLOADS_TRUSTED_PROXIES` is `X-Forwarded-For` read, from its end, past
  addresses that are trusted proxies too. What a client writes into the header itself is never reached. `Forwarded`,
  `X-Real-IP` and the like are not read. Where the address is not known (a Unix socket whose proxy is not trusted), no
  network is counted.
- **A person** is the user who has logged in; otherwise the e-mail address: for orders in a time and e-mails without
  regard to capital letters and to what follows a `+` before the @. A user who orders for another address than the
  account's counts for that address too. A stranger who writes the address of somebody who logs in takes nothing from
  them.
- An order, or a free-text request, whose address waits to be confirmed (`DOWNLOADS_VERIFY_EMAIL`) counts for its
  network only.
- Staff (`is_staff`) are not limited unless `DOWNLOADS_LIMIT_STAFF` is true; nor are programs that call
  `place_request` without `client`.

## What counts

Orders and free-text requests count from the moment at which they are stored, also when they are cancelled or fail
later; *Order again* is an order. What is refused, for whatever reason, counts nowhere. At no time does a window hold
more than its limit, however many order at once and by whatever process of the site.

One order is always taken though it alone is larger than `bytes_under_way`; while another is unfinished, none that
makes them larger together. Parts whose size is not known count with what has come of them. Packages count until they
expire or are cancelled.

Beyond `mails_per_day` an e-mail is sent as soon as the 24 hours have room again, and none is lost, except the receipt
of an order: its page has just been shown. What goes to administrators, or is sent again by one, is not counted.

What is counted is kept as a number made with `SECRET_KEY` (HMAC-SHA-256) and a time, from which nobody reads a
network or an address, and `clean-expired` deletes it after a day, or the window where that is longer.
"""
_SETTINGS = "DOWNLOADS_LIMIT_"


def limits_page(table: Callable[..., str], to_sentences: Callable[..., dict[str, str]]) -> str:
    """Write the page."""
    defaults = Limits()
    window = f"{defaults.window_seconds} s (`{_SETTINGS}WINDOW_SECONDS`)"
    windows = {
        LimitName.ORDERS_PER_NETWORK: window,
        LimitName.ORDERS_PER_PERSON: window,
        LimitName.MAILS_PER_DAY: "24 h",
    }
    rows = [
        (
            f"`{name}`",
            sentence,
            f"{getattr(defaults, name):,}",
            windows.get(LimitName(name), "as long as they are there"),
            f"`{_SETTINGS}{name.upper()}`",
        )
        for name, sentence in to_sentences(LimitName).items()
    ]
    return TEXT.format(
        table=table("limit", "what is counted", "default", "over", "setting", rows=rows),
        ipv4=defaults.ipv4_prefix,
        ipv6=defaults.ipv6_prefix,
    )

"""Asking whether an e-mail address is that of the person who wrote it, before anything else is sent to it.

The mail has a link with a token of its own. Opening it changes nothing, as programs that look for viruses in mails open
every link; the button on its page does. What is not confirmed in time is cancelled, without another mail.
"""

from datetime import datetime, timedelta

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from downman.domain.errors import ConfirmationRefused, IllegalTransition
from downman.domain.notices import VERIFICATIONS, NoticeKind
from downman.domain.policy import VerifyEmail
from downman.domain.status import ENDED_REQUESTS, GenericStatus, NoticeStatus, RequestStatus
from downman.models import AddressVerification, DownloadRequest, GenericRequest, Notice
from downman.services.notices import enqueue_for_administrators, enqueue_notice
from downman.services.readdressing import readdress
from downman.services.transitions import REQUESTER, lock_order
from downman.settings import app_settings

#: Mails that ask for one order or free-text request, and seconds between two.
MOST_MAILS = 5
SECONDS_BETWEEN = 60
NOTHING_LEFT = gettext_noop("There is nothing to confirm any more.")


def is_needed(email: str, user: models.Model | None) -> bool:
    """Return whether an address must be confirmed before anything is fetched for, or sent to, who wrote it."""
    settings = app_settings()
    if settings.verify_email is VerifyEmail.NEVER or (settings.verify_email is VerifyEmail.ANONYMOUS and user):
        return False
    since = timezone.now() - timedelta(days=settings.verified_email_days)
    # Of the same user only: an address that somebody has confirmed may be written by anybody.
    return (
        user is None
        or not AddressVerification.objects.filter(user=user.pk, email__iexact=email, confirmed_at__gt=since).exists()
    )


def ask(about: DownloadRequest | GenericRequest, email: str) -> None:
    """Send a link to an address; call it in the transaction that makes it necessary."""
    is_order = isinstance(about, DownloadRequest)
    asked = AddressVerification.objects.create(
        email=email,
        user=about.user,
        request=about if isinstance(about, DownloadRequest) else None,
        generic_request=about if isinstance(about, GenericRequest) else None,
    )
    kind = NoticeKind.VERIFY_ADDRESS if is_order else NoticeKind.GENERIC_VERIFY_ADDRESS
    enqueue_notice(about, kind, fact=f"verification-{asked.pk}", recipient=email)


def ask_again(about: DownloadRequest | GenericRequest) -> None:
    """Send the link once more, to the last address for which it was asked; raises `ConfirmationRefused`."""
    with transaction.atomic():
        # One after another: two that come together are one too many.
        type(about)._default_manager.select_for_update().get(pk=about.pk)  # noqa: SLF001 - Django's name for all
        asked = about.verifications.last()
        if asked is None or asked.confirmed_at or not is_open(asked):
            raise ConfirmationRefused(reason=_(NOTHING_LEFT))
        sent = about.notices.filter(kind__in=VERIFICATIONS).order_by("pk")
        last = sent.last()
        if len(sent) >= MOST_MAILS:
            raise ConfirmationRefused(reason=_("The e-mail was sent often enough. Look into the folder for spam."))
        if last is not None and last.created_at > timezone.now() - timedelta(seconds=SECONDS_BETWEEN):
            raise ConfirmationRefused(reason=_("The e-mail was sent a moment ago. Wait a minute before the next one."))
        if last is not None and last.recipient == asked.email and last.status != NoticeStatus.SENT:
            raise ConfirmationRefused(reason=_("The e-mail is still on its way. Wait a few minutes."))
        kind = NoticeKind.VERIFY_ADDRESS if isinstance(about, DownloadRequest) else NoticeKind.GENERIC_VERIFY_ADDRESS
        enqueue_notice(about, kind, fact=f"verification-{asked.pk} again {len(sent)}", recipient=asked.email)


def find(token: str) -> AddressVerification:
    """Return what a link asks for; raises `AddressVerification.DoesNotExist`, also for what is no token at all."""
    if not token.isascii() or "\0" in token:
        raise AddressVerification.DoesNotExist
    return AddressVerification.objects.select_related("request", "generic_request").get(token=token)


def get_end(asked: AddressVerification) -> datetime:
    """Return until when its link can be used."""
    return asked.created_at + timedelta(hours=app_settings().verify_email_hours)


def is_open(asked: AddressVerification) -> bool:
    """Return whether its link can still be used."""
    return get_end(asked) > timezone.now()


def is_change(asked: AddressVerification) -> bool:
    """Return whether it is another address of an order that is under way."""
    return asked.request is not None and asked.request.address_verified and asked.request.email != asked.email


def confirm(asked: AddressVerification) -> None:
    """Take the address for confirmed, and go on; a second time changes nothing. Raises `ConfirmationRefused`."""
    with transaction.atomic():
        about = asked.request or asked.generic_request
        if isinstance(about, DownloadRequest):
            with lock_order(about.pk, actor=REQUESTER) as change:
                if _is_news(asked):
                    request = change.request
                    if request.status in ENDED_REQUESTS:
                        raise ConfirmationRefused(reason=_(NOTHING_LEFT))
                    if request.email != asked.email:
                        readdress(change, asked.email)
                    if not request.address_verified:
                        change.confirm_address(reason="the address was confirmed")
        elif about is not None:
            stored = GenericRequest.objects.select_for_update().get(pk=about.pk)
            if _is_news(asked):
                if stored.status != GenericStatus.UNVERIFIED:
                    raise ConfirmationRefused(reason=_(NOTHING_LEFT))
                _register(stored)


def confirm_order(request_id: int, *, actor: str) -> None:
    """Take an order's address for confirmed, as an administrator does. Raises `IllegalTransition`."""
    with lock_order(request_id, actor=actor) as change:
        if change.request.status != RequestStatus.UNVERIFIED:
            raise IllegalTransition(status=change.request.status)
        change.confirm_address(reason="an administrator confirmed the address")


def confirm_free_text_request(generic_id: int) -> None:
    """Take the address of a free-text request for confirmed, as an administrator does. Raises `IllegalTransition`."""
    with transaction.atomic():
        stored = GenericRequest.objects.select_for_update().get(pk=generic_id)
        if stored.status != GenericStatus.UNVERIFIED:
            raise IllegalTransition(status=stored.status)
        _register(stored)


def enqueue_registered(stored: GenericRequest) -> None:
    """Tell the requester and the administrators of a free-text request."""
    enqueue_notice(stored, NoticeKind.GENERIC_RECEIVED, fact="registered")
    enqueue_for_administrators(stored, NoticeKind.GENERIC_NEEDED, fact="registered")


def drop_unsent(request: DownloadRequest) -> None:
    """Take back the links that were asked for and not used, with their mails: another address takes their place."""
    request.verifications.filter(confirmed_at=None).delete()
    Notice.objects.filter(request=request, kind__in=VERIFICATIONS).exclude(status=NoticeStatus.SENT).delete()


def _is_news(asked: AddressVerification) -> bool:
    """Note that an address was confirmed; False where it was before. Raises `ConfirmationRefused`."""
    asked.refresh_from_db()
    if asked.confirmed_at is not None:
        return False
    if not is_open(asked):
        raise ConfirmationRefused(reason=_("The time to confirm the e-mail address is over. Order again."))
    asked.confirmed_at = timezone.now()
    asked.save(update_fields=["confirmed_at"])
    return True


def _register(stored: GenericRequest) -> None:
    GenericRequest.objects.filter(pk=stored.pk).must_move_to(GenericStatus.REGISTERED)
    enqueue_registered(stored)

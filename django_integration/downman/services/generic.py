"""Free-text requests: taken like an order, and decided by an administrator."""

import json
from collections.abc import Mapping
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from downman.domain.errors import IllegalTransition, OrderRefused
from downman.domain.notices import NOTICE_FOR_GENERIC
from downman.domain.request import FreeTextRequest
from downman.domain.status import GenericStatus
from downman.free_text import to_one_line
from downman.models import GenericRequest
from downman.models.numbers import create_numbered
from downman.services import verification
from downman.services.limits import get_limiter
from downman.services.notices import enqueue_notice
from downman.services.policy import current_policy
from downman.services.requesters import checked_email, checked_language
from downman.services.transitions import REQUESTER
from downman.strict_json import UnusableJson, check_json, is_storable

#: Characters of each text that a client sends.
LONGEST_TEXT = 5000
LONGEST_LINE = 200
#: Characters of the JSON of a view of the map.
LONGEST_MAP_VIEW = 20_000


def register(
    free_text_request: FreeTextRequest, *, user: models.Model | None = None, client: str | None = None
) -> GenericRequest:
    """Store a free-text request, and enqueue the mails about it; see `ordering.place_request` for `client`.

    Raises `OrderRefused` and `LimitReached`; nothing is stored then.
    """
    email = checked_email(free_text_request.email)
    is_verified = not verification.is_needed(email, user)
    limiter = get_limiter(current_policy(), client=client, user=user, email=email, is_verified=is_verified)
    limiter.check(for_order=False)
    description = _checked_text("description", free_text_request.description)
    if not description:
        raise OrderRefused(field="description", message=_("Describe what you need."))
    with transaction.atomic():
        stored = create_numbered(
            GenericRequest,
            email=email,
            language=checked_language(free_text_request.language),
            description=description,
            organisation=_checked_text(
                "organisation", to_one_line(free_text_request.organisation), longest=LONGEST_LINE
            ),
            usage=_checked_text("usage", free_text_request.usage),
            map_view=_checked_map_view(free_text_request.map_view),
            user=user,
            status=(GenericStatus.REGISTERED if is_verified else GenericStatus.UNVERIFIED).value,
        )
        if is_verified:
            verification.enqueue_registered(stored)
        else:
            verification.ask(stored, email)
        limiter.count(for_order=False)
    return stored


def decide(generic_id: int, target: GenericStatus, *, actor: str, answer: str = "") -> None:
    """Complete, reject or cancel it, with what its requester is to read. Raises `IllegalTransition`."""
    with transaction.atomic():
        stored = GenericRequest.objects.select_for_update().get(pk=generic_id)
        if not GenericRequest.objects.filter(pk=generic_id).move_to(
            target, answer=answer, decided_by=actor, decided_at=timezone.now()
        ):
            raise IllegalTransition(status=stored.status)
        kind = NOTICE_FOR_GENERIC.get(target)
        if kind is not None and actor != REQUESTER:
            enqueue_notice(stored, kind, fact=target.value)


def _checked_map_view(view: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return a view that pages, mails and the admin can show."""
    try:
        check_json(view)
        size = len(json.dumps(view))
    except (UnusableJson, TypeError, ValueError) as exc:
        message = _("This cannot be kept. Send plain texts and finite numbers, not nested too deeply.")
        raise OrderRefused(field="map_view", message=message) from exc
    if size > LONGEST_MAP_VIEW:
        message = _("This is too long. Send a view of the map in at most {count} characters of JSON.")
        raise OrderRefused(field="map_view", message=message.format(count=LONGEST_MAP_VIEW))
    return view


def _checked_text(field: str, text: str, *, longest: int = LONGEST_TEXT) -> str:
    text = text.strip()
    if not is_storable(text):
        raise OrderRefused(field=field, message=_("This has a character that cannot be stored. Write it without."))
    if len(text) > longest:
        message = _("Write at most {count} characters.")
        raise OrderRefused(field=field, message=message.format(count=longest))
    return text

"""The API under `api/`; the same services as the pages."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Status
from ninja.decorators import decorate_view
from ninja.errors import AuthenticationError
from ninja.parser import Parser

from downman import login, problems
from downman.domain.email_domains import suggest_email
from downman.domain.errors import OrderRefused
from downman.domain.status import GenericStatus
from downman.models import DownloadRequest, Resource
from downman.schemas import (
    AddressOut,
    EmailIn,
    EmailOut,
    FreeTextRequestIn,
    LimitsOut,
    OrderIn,
    PlacedOut,
    Problem,
    RegisteredOut,
    RequestOut,
    ResourceOut,
    WishOut,
    to_raw_order,
)
from downman.services import (
    cancelling,
    change_email,
    extending,
    generic,
    limit_usage,
    ordering,
    tracking,
    verification,
)
from downman.services.requesters import checked_email
from downman.services.transitions import REQUESTER
from downman.strict_json import parse_strictly
from downman.visitors import get_requester

#: What a call about one order answers when it cannot be done.
REFUSALS = dict.fromkeys((401, 404, 409, 503), Problem)
#: The same for a call that takes a body.
BAD_BODIES = dict.fromkeys((401, 413, 415, 422, 429, 503), Problem)


def logged_in(request: HttpRequest) -> bool:
    """Let those in who have logged in, or need not; this is so for all that declares nothing else."""
    return not login.must_log_in(request)


def has_secret(request: HttpRequest) -> bool:
    """Let those in who know the secret of an order, which the URL has."""
    return not login.must_log_in_for_secret_url(request)


class StrictParser(Parser):
    """Reads bodies as strangers may send them."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Read JSON that can be kept. Raises `ValueError`, which django-ninja puts behind an error of its own."""
        return parse_strictly(request.body)


api = NinjaAPI(
    parser=StrictParser(),
    title="downman",
    version="1",
    description="Order datasets, follow the order, take the package.",
    urls_namespace="downloads:api",
    auth=logged_in,
    docs_decorator=login.logged_in_only,
)
problems.install(api)


@api.exception_handler(AuthenticationError)
def not_logged_in(_request: HttpRequest, _exc: AuthenticationError) -> HttpResponse:
    """Say what to do, where people would be sent to the page on which they log in."""
    return login.login_problem()


@api.get("resources/", response={200: list[ResourceOut], 401: Problem, 503: Problem}, summary="What can be ordered")
def list_resources(request: HttpRequest) -> object:
    """Return the catalogue."""
    return list(Resource.objects.filter(offered=True))


@api.get("limits/", response={200: LimitsOut, 401: Problem, 503: Problem}, summary="What is left of the limits")
def list_limits(request: HttpRequest, response: HttpResponse) -> object:
    """Tell how much the one who asks has used of each limit: their network, and they themselves once logged in."""
    response["Cache-Control"] = "no-store"
    return {"limits": limit_usage.list_usages(**get_requester(request))}


@api.post("requests/", response={201: PlacedOut, **BAD_BODIES}, summary="Place an order")
@decorate_view(problems.small_json_only)
def place_request(request: HttpRequest, order: OrderIn) -> object:
    """Store an order; it is packaged as soon as its turn comes."""
    who = get_requester(request)
    return _placed(ordering.place_request(order.to_order(), raw_order=to_raw_order(order), **who))


@api.get("requests/{public_id}/", response={200: RequestOut, **REFUSALS}, summary="Order status", auth=has_secret)
def track_request(request: HttpRequest, public_id: str, response: HttpResponse) -> object:
    """Tell state, progress, place in the queue, errors and links of an order."""
    response["Cache-Control"] = "no-store"
    return tracking.track(tracking.find_request(public_id))


@api.post(
    "requests/{public_id}/cancel/", response={200: RequestOut, **REFUSALS}, summary="Cancel an order", auth=has_secret
)
def cancel_request(request: HttpRequest, public_id: str) -> object:
    """Stop what is under way, and end its links."""
    cancelling.cancel_request(tracking.find_request(public_id).pk, actor=REQUESTER)
    return tracking.track(tracking.find_request(public_id))


@api.post(
    "requests/{public_id}/resources/{position}/cancel/",
    response={200: RequestOut, **REFUSALS},
    summary="Cancel one resource of an order",
    auth=has_secret,
)
def cancel_resource(request: HttpRequest, public_id: str, position: int) -> object:
    """Deliver the rest without it; what was packaged together with it is packaged again."""
    cancelling.cancel_resource(tracking.find_resource(public_id, position).pk, actor=REQUESTER)
    return tracking.track(tracking.find_request(public_id))


@api.post(
    "requests/{public_id}/links/{position}/cancel/",
    response={200: RequestOut, **REFUSALS},
    summary="Cancel one link of an order",
    auth=has_secret,
)
def cancel_link(request: HttpRequest, public_id: str, position: int) -> object:
    """Let nobody take what it leads to any more. `position` is its place in the order's `links`, from 0."""
    cancelling.cancel_link(tracking.find_link(public_id, position).pk, actor=REQUESTER)
    return tracking.track(tracking.find_request(public_id))


@api.post(
    "requests/{public_id}/extend/",
    response={200: RequestOut, **REFUSALS},
    summary="Keep the data longer",
    auth=has_secret,
)
def extend_request(request: HttpRequest, public_id: str) -> object:
    """Keep everything that can be taken as long as if it had been made now, within the site's limit."""
    extending.extend(tracking.find_request(public_id).pk, actor=REQUESTER)
    return tracking.track(tracking.find_request(public_id))


@api.post(
    "requests/{public_id}/email/",
    response={200: AddressOut, 413: Problem, 415: Problem, 422: Problem, **REFUSALS},
    summary="Correct the e-mail address of an order",
    auth=has_secret,
)
@decorate_view(problems.small_json_only)
def correct_email(request: HttpRequest, public_id: str, body: EmailIn) -> object:
    """Send all further e-mails to another address; the old one is told. It may have to be confirmed first."""
    change_email.correct_email(tracking.find_request(public_id).pk, body.email)
    return tracking.track(tracking.find_request(public_id))


@api.post(
    "requests/{public_id}/confirmation/",
    response={200: RequestOut, **REFUSALS},
    summary="Send the link that confirms the e-mail address again",
    auth=has_secret,
)
def send_confirmation(request: HttpRequest, public_id: str) -> object:
    """Send the e-mail with the link once more, to an address that is not confirmed yet."""
    found = tracking.find_request(public_id)
    verification.ask_again(found)
    return tracking.track(found)


@api.post("email-check/", response={200: EmailOut, **BAD_BODIES}, summary="Check an e-mail address")
@decorate_view(problems.small_json_only)
def check_email(request: HttpRequest, body: EmailIn) -> object:
    """Return how an address is understood, and what was probably meant; nothing is stored."""
    try:
        email = checked_email(body.email)
    except OrderRefused as refused:
        return {"email": "", "suggestion": "", "problem": refused.message}
    return {"email": email, "suggestion": suggest_email(email), "problem": ""}


@api.post(
    "requests/{public_id}/again/",
    response={201: PlacedOut, 422: Problem, 429: Problem, **REFUSALS},
    summary="Order once more",
)
def order_again(request: HttpRequest, public_id: str) -> object:
    """Place a new order of what an earlier one did not give, or gives no longer, with the same choices."""
    return _placed(ordering.order_again(tracking.find_request(public_id), **get_requester(request)))


@api.post("generic-requests/", response={201: RegisteredOut, **BAD_BODIES}, summary="Submit a free-text request")
@decorate_view(problems.small_json_only)
def register_free_text_request(request: HttpRequest, free_text_request: FreeTextRequestIn) -> object:
    """Store a free-text request; an administrator answers it."""
    stored = generic.register(free_text_request.to_free_text_request(), **get_requester(request))
    return Status(201, {"id": stored.public_id, "status": stored.status, "tracking_url": tracking.generic_url(stored)})


@api.get(
    "generic-requests/{public_id}/",
    response={200: WishOut, **REFUSALS},
    summary="Status of a free-text request",
    auth=has_secret,
)
def track_free_text_request(request: HttpRequest, public_id: str, response: HttpResponse) -> object:
    """Tell its state, and the answer."""
    response["Cache-Control"] = "no-store"
    return tracking.find_generic(public_id)


@api.post(
    "generic-requests/{public_id}/cancel/",
    response={200: WishOut, **REFUSALS},
    summary="Cancel a free-text request",
    auth=has_secret,
)
def cancel_free_text_request(request: HttpRequest, public_id: str) -> object:
    """Take it back before it is answered."""
    generic.decide(tracking.find_generic(public_id).pk, GenericStatus.CANCELLED, actor=REQUESTER)
    return tracking.find_generic(public_id)


def _placed(order: DownloadRequest) -> object:
    return Status(201, {"id": order.public_id, "status": order.status, "tracking_url": tracking.tracking_url(order)})

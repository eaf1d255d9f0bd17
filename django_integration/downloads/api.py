"""The API under `api/`; the same services as the pages."""

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Status
from ninja.decorators import decorate_view

from django_integration.downloads import problems
from django_integration.downloads.models import Resource
from django_integration.downloads.schemas import OrderIn, PlacedOut, Problem, RequestOut, ResourceOut, raw_order_of
from django_integration.downloads.services import cancelling, ordering, tracking

api = NinjaAPI(
    title="downman",
    version="1",
    description="Order datasets, follow the order, take the package.",
    urls_namespace="downloads:api",
)
problems.install(api)


@api.get("resources/", response=list[ResourceOut], summary="What can be ordered")
def list_resources(request: HttpRequest) -> object:
    """Give the catalogue."""
    return Resource.objects.filter(offered=True)


@api.post("requests/", response={201: PlacedOut, **dict.fromkeys((413, 415, 422), Problem)}, summary="Place an order")
@decorate_view(problems.small_json_only)
def place_request(request: HttpRequest, order: OrderIn) -> object:
    """Store an order; it is packaged as soon as its turn comes."""
    placed = ordering.place_request(order.to_order(), raw_order=raw_order_of(order))
    return Status(201, {"id": placed.public_id, "status": placed.status, "tracking_url": tracking.tracking_url(placed)})


@api.get("requests/{public_id}/", response={200: RequestOut, 404: Problem}, summary="How an order stands")
def track_request(request: HttpRequest, public_id: str, response: HttpResponse) -> object:
    """Tell state, progress, place in the queue, errors and links of an order."""
    response["Cache-Control"] = "no-store"
    return tracking.track(tracking.find_request(public_id))


@api.post(
    "requests/{public_id}/cancel/", response={200: RequestOut, 404: Problem, 409: Problem}, summary="Cancel an order"
)
def cancel_request(request: HttpRequest, public_id: str) -> object:
    """Stop what is under way, and end its links."""
    found = tracking.find_request(public_id)
    cancelling.cancel_request(found.pk, actor="requester")
    return tracking.track(tracking.find_request(public_id))

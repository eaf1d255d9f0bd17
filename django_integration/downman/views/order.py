"""The page on which an order is put together and placed."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from downman.domain.errors import LimitReached, OrderRefused
from downman.forms import OrderForm
from downman.services import limit_usage, ordering
from downman.views.limits import limit_reached
from downman.visitors import get_requester


@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def order_page(request: HttpRequest) -> HttpResponse:
    """Show the cart of the URL and what can be added; place the order that is sent."""
    form = OrderForm.from_request(request)
    if form.is_valid():
        try:
            placed = ordering.place_request(form.to_order(), raw_order=form.raw_order(), **get_requester(request))
        except OrderRefused as refusal:
            form.refuse(refusal)
        except LimitReached as reached:
            return limit_reached(request, "downloads/order.html", {"form": form}, reached)
        else:
            return redirect("downloads:tracking", placed.public_id)
    context = {"form": form, "few_left": limit_usage.get_few_left(**get_requester(request)) if form.resources else None}
    return render(request, "downloads/order.html", context, status=422 if form.errors else 200)

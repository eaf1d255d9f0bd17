"""The people of a chaos run: they order, try again when the portal does not answer, and change their minds."""

import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from tests.acceptance.faults.scene import Scene
from tests.chaos.plan import PlannedOrder

#: So many people wait for the portal at once.
PEOPLE = 8
#: Seconds until somebody tries again.
AGAIN_SECONDS = 0.5
PATIENCE_SECONDS = 180.0
ANSWERS_WITHIN_SECONDS = 15.0


@dataclass
class Customers:
    """All of them, and what they were told."""

    scene: Scene
    began: float = field(default_factory=time.monotonic)
    #: Orders that were cancelled, and those whose first part was, as the portal said.
    cancelled: set[str] = field(default_factory=set)
    part_cancelled: set[str] = field(default_factory=set)
    #: How many seconds the portal took to say that an order is placed.
    answered_after: list[float] = field(default_factory=list)
    #: Answers other than those that were hoped for, by what they were.
    refused: Counter[str] = field(default_factory=Counter)

    def start(self, pool: ThreadPoolExecutor, orders: list[PlannedOrder]) -> list[Future[None]]:
        """Let each do what is planned, at its time."""
        names = {
            path: self.scene.records.offer(self.scene.source.url(path)) for order in orders for path in order.paths
        }
        return [pool.submit(self._live, order, [names[path] for path in order.paths]) for order in orders]

    def _live(self, order: PlannedOrder, resources: list[str]) -> None:
        self._sleep_until(self.began + order.at)
        with httpx.Client(base_url=self.scene.parts.url, timeout=ANSWERS_WITHIN_SECONDS, trust_env=False) as http:
            body = {"email": order.recipient, "language": "en", "resources": [{"resource": name} for name in resources]}
            answer = self._post(http, "/downloads/api/requests/", body)
            self.answered_after.append(answer.elapsed.total_seconds())
            placed, order_id = time.monotonic(), answer.json()["id"]
            address = f"/downloads/api/requests/{order_id}/"
            if order.cancel_after is not None:
                self._sleep_until(placed + order.cancel_after)
                if self._post(http, f"{address}cancel/").is_success:
                    self.cancelled.add(order_id)
            elif order.cancel_part_after is not None:
                self._sleep_until(placed + order.cancel_part_after)
                if self._post(http, f"{address}resources/0/cancel/").is_success:
                    self.part_cancelled.add(order_id)

    def _post(self, http: httpx.Client, address: str, body: object = None) -> httpx.Response:
        """Post until the portal has answered that it did, or why it will not."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = http.post(address, json=body)
            except httpx.HTTPError as exc:
                self.refused[type(exc).__name__] += 1
            else:
                if not answer.is_server_error:
                    return answer
                self.refused[f"HTTP {answer.status_code}"] += 1
            assert time.monotonic() < deadline, f"{address} was not answered for {PATIENCE_SECONDS} s"
            time.sleep(AGAIN_SECONDS)

    @staticmethod
    def _sleep_until(moment: float) -> None:
        time.sleep(max(0.0, moment - time.monotonic()))

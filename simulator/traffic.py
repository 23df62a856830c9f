"""
Made-up traffic through a service's gateway: the same service, day and seed give the same requests.

Requests go to the operations that the service has now, with the subscriptions that it has now, on any day
that is asked for, also before the service was made: a simulator is younger than the days that people export.
Addresses are from the ranges that are reserved for documentation. A service's tags set how many requests a
day has (`simulator-requests-per-day`; none without the tag; with 2880 there are some in every quarter of an
hour) and another seed (`simulator-traffic-seed`).
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from dataclasses import dataclass
from typing import Any

from simulator.services import Service

REQUESTS_TAG = "simulator-requests-per-day"
SEED_TAG = "simulator-traffic-seed"
REQUESTS_DEFAULT = 0

SHIPPING = dt.timedelta(minutes=5)
"""A request can be read so long after it was made (a comment in Microsoft's own test)."""

NOBODY = "-"

_TICKS_OF_DAY = 86_400 * 10_000_000
_CODES = (200, 200, 200, 200, 200, 200, 201, 304, 401, 404, 429, 500)
_PLACES = (
    ("192.0.2.", "NO", "Oslo", "0150"),
    ("198.51.100.", "DE", "Berlin", "10115"),
    ("203.0.113.", "US", "Washington", "98052"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request: the row that byRequest shows, and the place that byGeo sums by."""

    at: dt.datetime
    """To the microsecond; the row has a digit more."""
    row: dict[str, Any]
    place: tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """One operation that can be called."""

    api: str
    operation: str
    method: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One subscription that can call, as ids of reports."""

    subscription: str
    product: str
    user: str


def requests_of(service: Service, day: dt.date) -> list[Request]:
    """Return the requests of one UTC day, in the order of their times."""
    callees, callers = callees_of(service), callers_of(service)
    if not callees:
        return []
    number = int(service.tags.get(REQUESTS_TAG, REQUESTS_DEFAULT))
    seed = service.tags.get(SEED_TAG, "0")
    chance = random.Random(f"{seed} {service.id.key} {day}")  # of text: the same in every process
    ticks = sorted(chance.randrange(_TICKS_OF_DAY) for _ in range(number))
    return [_request(service, day, tick, callees, callers, chance) for tick in ticks]


def requests_between(
    service: Service, first: dt.datetime, last: dt.datetime, *, now: dt.datetime
) -> list[Request]:
    """Return the requests from one moment through another, as far as they have been shipped."""
    end = min(last, now - SHIPPING)
    found: list[Request] = []
    day = first.date()
    while day <= end.date():
        found += [one for one in requests_of(service, day) if first <= one.at <= end]
        day += dt.timedelta(days=1)
    return found


def callees_of(service: Service) -> list[Callee]:
    """Return every operation of the service."""
    return [
        Callee(
            api=f"/apis/{api.path[-1]}",
            operation=f"/apis/{api.path[-1]}/operations/{one.path[-1]}",
            method=str(one.properties.get("method", "GET")),
            address=f"/{api.properties.get('path', '')}{one.properties.get('urlTemplate', '/')}",
        )
        for api in service.entities.list(("apis",))
        for one in service.entities.list((*api.path, "operations"))
    ]


def callers_of(service: Service) -> list[Caller]:
    """Return every subscription of the service, with its product and its owner."""
    return [
        Caller(
            subscription=f"/subscriptions/{one.path[-1]}",
            product=_part("products", str(one.properties.get("scope", ""))),
            user=_part("users", str(one.properties.get("ownerId", ""))),
        )
        for one in service.entities.list(("subscriptions",))
    ]


def stamped(at: dt.datetime, digit: int = 0) -> str:
    """Return a time as reports write it: up to seven digits of a second, without zeros at the end."""
    fraction = f"{at.microsecond:06d}{digit}".rstrip("0")
    return f"{at:%Y-%m-%dT%H:%M:%S}{'.' if fraction else ''}{fraction}Z"


def _part(collection: str, scope: str) -> str:
    """Return /products/gold of a scope that ends so, else the dash that stands for none."""
    parts = scope.split("/")
    is_one = len(parts) >= 2 and parts[-2].lower() == collection
    return f"/{collection}/{parts[-1] if is_one else NOBODY}"


def _request(
    service: Service,
    day: dt.date,
    tick: int,
    callees: list[Callee],
    callers: list[Caller],
    chance: random.Random,
) -> Request:
    callee = chance.choice(callees)
    nobody = Caller(
        subscription=f"/subscriptions/{NOBODY}", product=f"/products/{NOBODY}", user=f"/users/{NOBODY}"
    )
    caller = chance.choice([*callers, nobody])
    network, *place = chance.choice(_PLACES)
    code = 401 if caller is nobody else chance.choice(_CODES)
    is_answered = code not in (401, 429)
    service_time = round(chance.uniform(5, 900), 4) if is_answered else 0.0
    at = dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(microseconds=tick // 10)
    asked = (
        f"?customer=person{chance.randrange(50)}%40example.com&subscription-key={chance.getrandbits(64):x}"
    )
    row = {
        "apiId": callee.api,
        "operationId": callee.operation,
        "productId": caller.product,
        "userId": caller.user,
        "method": callee.method,
        "url": f"https://{service.id.name.lower()}.azure-api.net{callee.address}{asked}",
        "ipAddress": f"{network}{chance.randrange(1, 255)}",
        "backendResponseCode": str(code) if is_answered else None,
        "responseCode": code,
        "responseSize": chance.randrange(200, 20_000),
        "timestamp": stamped(at, tick % 10),
        "cache": chance.choice(("none", "none", "hit", "miss")),
        "apiTime": round(service_time + chance.uniform(0.2, 9), 4),
        "serviceTime": service_time,
        "apiRegion": service.location,
        "subscriptionId": caller.subscription,
        "requestId": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "requestSize": chance.randrange(0, 4_000),
    }
    return Request(at=at, row=row, place=(place[0], place[1], place[2]))

"""What discovery makes of any answers: nobody with the tags is lost without a word."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.core import roster
from shared.core.plan import Plan, parse_plan
from shared.core.roster import Found, Lists, Roster, Sighting
from tests.core import make

SUBSCRIPTIONS = tuple(f"{number}" * 8 + "-0000-0000-0000-000000000000" for number in (1, 2, 3))
STORAGE = make.plan_service()["storage"]
REGIONS = ("westeurope", "northeurope", "francecentral")
NAMES = ("contoso", "Fabrikam", "tailspin", "STANDBY", "adatum")


def service_id(subscription: str, name: str) -> str:
    """Return the ARM id of a service."""
    return f"/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.ApiManagement/service/{name}"


PLAN: Plan = parse_plan(
    json.dumps(
        make.plan(
            make.plan_service(
                "contoso",
                resourceId=service_id(SUBSCRIPTIONS[0], "contoso"),
                standby=make.standby(resourceId=service_id(SUBSCRIPTIONS[0], "standby")),
            ),
            make.plan_service("taken", resourceId=service_id(SUBSCRIPTIONS[0], "adatum")),
            regions={
                "westeurope": {"account": "drprimary", "storage": STORAGE},
                "northeurope": {"account": "drstandby"},
            },
            discover={"subscriptions": list(SUBSCRIPTIONS[:2]), "tag": {"apim-dr": "nightly"}},
        )
    )
)
"""Named: contoso and adatum of the first subscription; no storage in northeurope; francecentral unknown."""

RESOURCES = st.builds(
    lambda subscription, name, region, tags: {
        "id": service_id(subscription, name),
        "location": region,
        "tags": tags,
    },
    st.sampled_from(SUBSCRIPTIONS[:2]),
    st.sampled_from(NAMES),
    st.sampled_from([*REGIONS, "West Europe"]),
    st.sampled_from([{"apim-dr": "nightly"}, {"APIM-DR": "nightly"}, {}, None]),
)
BROKEN = st.sampled_from(
    [None, 5, "x", {"tags": {"apim-dr": "nightly"}}, {"tags": {"apim-dr": "nightly"}, "id": 3}]
)
FORMER = st.builds(
    lambda subscription, name, region: Found(
        name=name.lower(), resource_id=service_id(subscription, name), region=region
    ),
    st.sampled_from(SUBSCRIPTIONS),
    st.sampled_from(NAMES),
    st.sampled_from(REGIONS),
)


def is_tagged(resource: Any) -> bool:
    """Whether a service has the tag, in the test's own words."""
    tags = resource.get("tags") if isinstance(resource, dict) else None
    return isinstance(tags, dict) and any(
        name.lower() == "apim-dr" and value == "nightly" for name, value in tags.items()
    )


@given(
    former=st.lists(FORMER, max_size=5, unique_by=lambda found: found.name),
    listed=st.lists(RESOURCES | BROKEN, max_size=6),
    is_read=st.tuples(st.booleans(), st.booleans()),
    seen=st.lists(st.sampled_from(["there", "untagged", "gone", "unreadable"]), min_size=5, max_size=5),
)
def test_everybody_who_has_the_tags_or_was_known_is_in_or_named(
    former: list[Found], listed: list[Any], is_read: tuple[bool, bool], seen: list[str]
) -> None:
    """Whatever the subscriptions answer."""
    before = Roster(taken_at=make.NOW, services=tuple(former))
    lists = Lists(
        resources={
            subscription: [one for one in listed if subscription in str(one) or not isinstance(one, dict)]
            for subscription, read in zip(SUBSCRIPTIONS, is_read, strict=False)
            if read
        },
        unread={
            subscription: "403"
            for subscription, read in zip(SUBSCRIPTIONS, is_read, strict=False)
            if not read
        },
    )
    sightings = {}
    for found, sight in zip(roster.vanished(PLAN, before, lists), seen, strict=False):
        tags = {"apim-dr": "nightly"} if sight == "there" else {}
        resource = {"id": found.resource_id, "location": found.region, "tags": tags}
        sightings[found.resource_id.lower()] = {
            "gone": Sighting(),
            "unreadable": Sighting(reason="403"),
        }.get(sight, Sighting(resource=resource))

    after = roster.assemble(PLAN, before, lists, sightings, make.NOW)

    inside = {found.resource_id.lower() for found in after.services}
    planned = {entry.resource_id.lower() for entry in PLAN.entries}
    named = {outsider.resource_id.lower() for outsider in (*after.left_out, *after.left)}
    shown = {one["id"].lower() for answer in lists.resources.values() for one in answer
             if is_tagged(one) and isinstance(one.get("id"), str)}  # fmt: skip
    known = {found.resource_id.lower() for found in former}
    assert shown | known <= inside | planned | named
    assert {unread.subscription for unread in after.not_read} >= set(lists.unread)
    assert len({found.name for found in after.services}) == len(after.services)
    assert not {found.name for found in after.services} & {entry.name for entry in PLAN.entries}
    assert {found.region for found in after.services} <= {"westeurope"}
    assert inside <= shown | known
    assert [service.name for service in roster.filled_in(PLAN, after)] == [
        found.name for found in after.services
    ]

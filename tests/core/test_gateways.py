"""What the answer of a gateway means: whether to ask again, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.gateways import may_be_starting, warning_of
from shared.core.reports import GatewayProbe
from tests.core.settings import target

URL = "https://contoso-neu.azure-api.net/status-0123456789abcdef"
NEVER = (
    ({"virtualNetworkType": "Internal"}, "internal virtual network"),
    ({"disableGateway": True}, "switched off"),
    ({"publicNetworkAccess": "Disabled"}, "public network access"),
)


def probe(status: int | None) -> GatewayProbe:
    """Return an answer."""
    return GatewayProbe(url=URL, status=status, said="ConnectTimeout" if status is None else "")


def test_a_gateway_that_serves_is_no_warning() -> None:
    """200, whatever the settings say."""
    assert warning_of(probe(200), target(virtualNetworkType="Internal")) == ""
    assert not may_be_starting(probe(200), target())


@pytest.mark.parametrize("status", [None, 500, 502, 503, 504])
def test_a_gateway_that_is_silent_or_fails_may_be_starting(status: int | None) -> None:
    """It is asked again, and if it stays so the warning says what it may be."""
    assert may_be_starting(probe(status), target())
    assert "starting" in warning_of(probe(status), target())


@pytest.mark.parametrize("status", [204, 301, 401, 403, 404])
def test_any_other_answer_is_final(status: int) -> None:
    """Somebody answers, and asking again changes nothing."""
    assert not may_be_starting(probe(status), target())
    assert f"the gateway answered {status} at {URL}" in warning_of(probe(status), target())


@pytest.mark.parametrize(("changes", "said"), NEVER)
def test_where_the_settings_tell_why_nobody_waits(changes: dict[str, Any], said: str) -> None:
    """The cause is certain, and is what the warning names."""
    assert not may_be_starting(probe(None), target(**changes))
    assert said in warning_of(probe(None), target(**changes))


def test_settings_that_could_not_be_read_say_nothing() -> None:
    """Then the cause is a guess, as ever."""
    unread = target().model_copy(update={"network": None, "places": None})

    assert may_be_starting(probe(None), unread)

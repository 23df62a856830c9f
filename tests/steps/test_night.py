"""Firing the timer: once a night, unless the first firing came to nothing."""

import pytest

from backup_timer import night
from shared.core import names
from tests.fakes.clock import START
from tests.steps.conftest import run

TONIGHT = names.night_instance(START.date())


@pytest.mark.parametrize("status", ["Running", "Pending", "Completed"])
def test_a_second_firing_of_a_night_starts_nothing(ports, client, status):
    """One night is one fleet, at work or done."""
    client.put(TONIGHT, status)

    run(night.start(client, ports))

    assert client.started == []


@pytest.mark.parametrize("status", ["Failed", "Terminated"])
def test_a_night_that_was_cut_off_can_be_fired_again(ports, client, status):
    """What ended without its record must not cost the whole night."""
    client.put(TONIGHT, status)

    run(night.start(client, ports))

    assert [started[0] for started in client.started] == ["back_up_fleet"]

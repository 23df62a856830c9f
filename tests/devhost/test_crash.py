"""SIGKILL in the middle of the work: started again on the same state, everything goes on."""


def test_a_killed_host_goes_on_where_it_was(start_devhost, notes):
    """A countdown of 12 steps, killed three times between steps, ends with every step done, in order."""
    host = start_devhost()
    host.call("POST", "/api/countdowns/c", {"left": 12, "every_s": 0.2})
    for _ in range(3):
        for _ in range(3):
            host.wait_for_line("step: succeeded")
        host.kill()
        host = start_devhost()
    host.wait_for_line("instance 'c' completed")

    status = host.call("GET", "/runtime/webhooks/durabletask/instances/c").json()
    assert (status["runtimeStatus"], status["output"]) == ("Completed", {"finished": True})
    # A step whose result was not stored when the host died is done again: at least once, never left out.
    steps = [int(line.removeprefix("step ")) for line in notes.read_text().splitlines()]
    assert sorted(set(steps), reverse=True) == list(range(12, 0, -1))
    assert len(steps) <= 12 + 3
    assert steps == sorted(steps, reverse=True)


def test_an_activity_in_flight_runs_again(start_devhost, notes):
    """The host dies while an activity runs; the next host runs it again and the orchestration ends."""
    host = start_devhost(SAMPLE_HANGS="1")
    host.call("POST", "/api/countdowns/c", {"left": 1, "every_s": 0})
    host.wait_for_line("step: started")
    host.kill()
    host = start_devhost()
    host.wait_for_line("instance 'c' completed")

    assert notes.read_text() == "step 1\n"


def test_an_event_for_a_waiting_instance_survives(start_devhost):
    """An instance that waited before the kill takes an event after it."""
    base = "/runtime/webhooks/durabletask"
    host = start_devhost()
    host.call("POST", f"{base}/orchestrators/waiter/w")
    host.wait_for_line("instance 'w' started")
    host.kill()
    host = start_devhost()
    host.call("POST", f"{base}/instances/w/raiseEvent/go", "gone")
    host.wait_for_line("instance 'w' completed")

    assert host.call("GET", f"{base}/instances/w").json()["output"] == "gone"


def test_an_overdue_timer_fires_at_the_next_start(start_devhost):
    """A timer that came due while the host was down fires when it is back."""
    host = start_devhost()
    host.call("POST", "/api/countdowns/c", {"left": 2, "every_s": 0.3})
    host.wait_for_line("step: succeeded")
    host.kill()
    host = start_devhost()

    assert host.wait_for_line("instance 'c' completed")

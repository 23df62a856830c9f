"""The HTTP side of a running devhost: triggers, keys, admin endpoints, management routes."""

import pytest


@pytest.fixture
def host(start_devhost):
    """A devhost without keys."""
    return start_devhost()


def test_a_route_parameter_and_the_absolute_url_reach_the_function(host):
    """The function sees its route parameters decoded, and the whole URL of the request."""
    answer = host.call("GET", "/api/hello/a%20b?x=1")

    assert (answer.status, answer.text) == (200, f"hello a b at {host.url}/api/hello/a%20b?x=1")


def test_what_is_not_there_is_404_and_so_is_a_wrong_method(host):
    """The real host answers 404 to a known path with an unknown method."""
    assert host.call("GET", "/api/nothing").status == 404
    assert host.call("GET", "/api/guarded").status == 404
    assert host.call("DELETE", "/api/hello/x").status == 404


def test_body_status_and_type_go_through(host):
    """JSON in, JSON out, with the status and type that the function chose."""
    answer = host.call("POST", "/api/guarded", {"a": [1]})

    assert (answer.status, answer.json()) == (201, {"a": [1]})
    assert answer.headers["Content-Type"] == "application/json"


def test_a_function_that_raises_is_500_without_details(host):
    """The caller sees nothing of the exception; the log names it and its line."""
    answer = host.call("GET", "/api/broken")

    assert (answer.status, answer.text) == (500, "")
    assert "RuntimeError: a fault in the app (function_app.py:" in host.wait_for_line("broken: failed")


def test_keys_are_enforced_with_auth(start_devhost):
    """401 without a key or with a wrong one; function, host and master keys open a function."""
    host = start_devhost("--auth")
    master = {"x-functions-key": host.ready["masterKey"]}
    keys = host.call("GET", "/admin/functions/guarded/keys", headers=master).json()["keys"]
    other = host.call("GET", "/admin/functions/hello/keys", headers=master).json()["keys"]

    def status(headers=None, query=""):
        return host.call("POST", f"/api/guarded{query}", {}, headers).status

    assert status() == 401
    assert status({"x-functions-key": "wrong"}) == 401
    assert status({"x-functions-key": other[0]["value"]}) == 401
    assert status({"x-functions-key": keys[0]["value"]}) == 201
    assert status(query=f"?code={keys[0]['value']}") == 201
    assert status({"x-functions-key": host.ready["hostKey"]}) == 201
    assert status(master) == 201
    assert host.call("GET", "/api/hello/x").status == 200


def test_admin_and_management_need_their_keys(start_devhost):
    """Only the master key opens /admin; the URLs that a function hands out carry the webhooks' own key."""
    host = start_devhost("--auth")
    function_key = {"x-functions-key": host.ready["hostKey"]}

    started = host.call("POST", "/api/countdowns/c", {"left": 1, "every_s": 0}, function_key)
    status_url = started.headers["Location"].removeprefix(host.url)

    assert host.call("GET", "/admin/host/status").status == 401
    assert host.call("GET", "/admin/host/status", headers=function_key).status == 401
    assert host.call("GET", "/runtime/webhooks/durabletask/instances/c").status == 401
    assert host.call("GET", status_url).status in (200, 202)
    assert host.ready["masterKey"] not in "".join([*host.lines, started.text])


def test_keys_survive_a_restart(start_devhost):
    """A key that opened a function opens it after the host was killed and started again."""
    first = start_devhost("--auth")
    first.kill()
    second = start_devhost("--auth")

    assert second.ready["masterKey"] == first.ready["masterKey"]


def test_the_admin_endpoints_look_like_the_real_ones(host):
    """Status, the list of functions with their bindings, and one function."""
    status = host.call("GET", "/admin/host/status").json()
    functions = {one["name"]: one for one in host.call("GET", "/admin/functions").json()}

    assert status["state"] == "Running"
    assert functions["hello"]["invoke_url_template"] == f"{host.url}/api/hello/{{name}}"
    assert functions["nightly"]["config"]["bindings"][-1]["schedule"] == "0 0 2 * * *"
    assert host.call("GET", "/admin/functions/step").json()["name"] == "step"
    assert host.call("GET", "/admin/functions/nothing").status == 404


def test_a_timer_function_is_run_by_hand(host, notes):
    """POST /admin/functions/{name} answers 202 and runs the function in the background."""
    answer = host.call("POST", "/admin/functions/nightly", {})

    assert answer.status == 202
    host.wait_for_line("instance 'night' completed")
    assert notes.read_text() == "nightly past_due=False\nstep 1\n"


def test_a_queue_function_is_run_by_hand(host, notes):
    """The input of the admin request is the message's text."""
    host.call("POST", "/admin/functions/on_message", {"input": '{"id": 5, "by_hand": true}'})

    host.wait_for_line("on_message: succeeded")
    assert notes.read_text() == "message 5 by hand\n"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/admin/functions/nothing", {}, 404),
        ("/admin/functions/hello", {}, 400),
        ("/admin/functions/nightly", b"{", 400),
        ("/admin/functions/nightly", [], 400),
    ],
)
def test_what_cannot_be_run_by_hand_is_refused(host, path, body, status):
    """No such function, an HTTP function, and a body that is no JSON object."""
    assert host.call("POST", path, body).status == status


def test_the_management_routes_follow_an_instance(host):
    """Start, look, raise an event, look again, purge: the public routes, with their statuses."""
    base = "/runtime/webhooks/durabletask"
    started = host.call("POST", f"{base}/orchestrators/waiter/w1", {"in": 1})
    host.wait_for_line("instance 'w1' started")
    running = host.call("GET", f"{base}/instances/w1")
    raised = host.call("POST", f"{base}/instances/w1/raiseEvent/go", {"go": True})
    host.wait_for_line("instance 'w1' completed")
    done = host.call("GET", f"{base}/instances/w1?showHistory=true&showHistoryOutput=true")

    assert (started.status, started.json()["id"]) == (202, "w1")
    assert (running.status, running.json()["runtimeStatus"]) == (202, "Running")
    assert running.headers["Location"].endswith("/instances/w1")
    assert raised.status == 202
    assert (done.status, done.json()["output"], done.json()["input"]) == (200, {"go": True}, {"in": 1})
    assert [event["EventType"] for event in done.json()["historyEvents"]] == [
        "ExecutionStarted",
        "EventRaised",
    ]
    assert host.call("POST", f"{base}/instances/w1/raiseEvent/go", {}).status == 410
    assert host.call("POST", f"{base}/instances/w1/terminate?reason=x").status == 410
    assert host.call("DELETE", f"{base}/instances/w1").json() == {"instancesDeleted": 1}
    assert host.call("GET", f"{base}/instances/w1").status == 404
    assert host.call("DELETE", f"{base}/instances/w1").status == 404
    assert host.call("POST", f"{base}/instances/w1/terminate").status == 404


def test_an_unknown_orchestrator_and_an_id_in_use_are_errors(host):
    """400 names the function, 500 says which status is in the way: the answers of the real extension."""
    base = "/runtime/webhooks/durabletask/orchestrators"
    unknown = host.call("POST", f"{base}/nothing")
    host.call("POST", f"{base}/waiter/w2")
    again = host.call("POST", f"{base}/waiter/w2")

    assert unknown.status == 400
    assert "The function 'nothing' doesn't exist" in unknown.json()["ExceptionMessage"]
    assert again.status == 500
    assert "already exists" in again.json()["ExceptionMessage"]


def test_a_list_of_instances_can_be_filtered_and_cut(host):
    """By status, by prefix, and page by page with a continuation token."""
    base = "/runtime/webhooks/durabletask"
    for name in ("a1", "a2", "b1"):
        host.call("POST", f"{base}/orchestrators/waiter/{name}")
    host.call("POST", f"{base}/instances/a2/terminate?reason=enough")

    def ids(query, headers=None):
        answer = host.call("GET", f"{base}/instances?{query}", headers=headers)
        return [one["instanceId"] for one in answer.json()], answer.headers["x-ms-continuation-token"]

    assert ids("")[0] == ["a1", "a2", "b1"]
    assert ids("instanceIdPrefix=a")[0] == ["a1", "a2"]
    assert ids("runtimeStatus=Terminated")[0] == ["a2"]
    page, token = ids("top=2")
    assert page == ["a1", "a2"]
    assert ids("top=2", {"x-ms-continuation-token": token}) == (["b1"], "")

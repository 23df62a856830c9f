"""Looking at runs: 202 while at work, and at the end what the call would have answered at once."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from azure.core import PipelineClient
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import RequestIdPolicy, RetryPolicy
from azure.core.pipeline.transport import HttpTransport
from azure.core.polling import LROPoller
from azure.core.polling.base_polling import LROBasePolling
from azure.core.rest import HttpRequest
from azure.core.rest._http_response_impl import HttpResponseImpl
from requests.structures import CaseInsensitiveDict

from operate_http.calls import get_run, list_runs
from restore_http.call import start_restore
from shared.core import layout, names
from shared.core.errors import UnavailableError
from shared.core.lro import Fault, Operation
from shared.core.runs import Look, Outcome, Resolution, RunPhase, advance
from tests.fakes.clock import START
from tests.steps.conftest import body_of, put_point, request, run
from tests.steps.test_start_restore import GOOD

ENDED_AT = START + dt.timedelta(minutes=19)


@pytest.fixture
def run_id(ports, client):
    """A restore that was started."""
    put_point(ports)
    answer = run(start_restore(request(GOOD), client, ports))
    return body_of(answer)["runId"]


def move(ports, run_id, phase, **changes):
    """Bring a run into a phase, by the way that runs go."""
    record, etag = ports.runs.read(run_id)
    ports.runs.replace(advance(record, phase, START, **changes), etag)


def end(ports, run_id, outcome, code=None):
    """End a run with a word."""
    fault = Fault(code=code, message="because", hint="Do this.") if code else None
    move(ports, run_id, RunPhase.ENDED, outcome=outcome, fault=fault, ended_at=ENDED_AT)


def look(ports, client, run_id, url="https://dr.example/api/runs/x?code=SECRET"):
    """Ask for a run."""
    return run(get_run(request(url=url, run_id=run_id), client, ports))


def test_a_run_names_its_instance(ports, client, run_id):
    """At work and at its end: who wants to terminate it needs no more."""
    instance = ports.runs.read(run_id)[0].instance_id
    at_work = body_of(look(ports, client, run_id))
    end(ports, run_id, Outcome.FAILED, "RestoreFailed")

    assert instance.startswith("svc-")
    assert (
        at_work["instanceId"]
        == body_of(look(ports, client, run_id))["error"]["run"]["instanceId"]
        == instance
    )


def test_a_later_look_without_proof_is_a_sentence_of_its_own(ports, client, run_id):
    """Whether or not the fault before it ends with a full stop."""
    for said in ("it stood at Running", "it stood at Running."):
        fault = Fault(code="RunAbandoned", message=said)
        seen = Look(at=ENDED_AT, said="the operation is still running")
        record, etag = ports.runs.read(run_id)
        changes = {"outcome": Outcome.OUTCOME_UNKNOWN, "ended_at": ENDED_AT, "phase": RunPhase.ENDED}
        ports.runs.replace(record.model_copy(update={**changes, "fault": fault, "last_look": seen}), etag)

        message = body_of(look(ports, client, run_id))["error"]["message"]

        assert ": it stood at Running. Looked at again at " in message


def test_a_run_at_work_is_202_with_an_absolute_location(ports, client, run_id):
    """The Location is where to ask again, without the caller's key."""
    answer = look(ports, client, run_id)

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"https://dr.example/api/runs/{run_id}"
    assert "SECRET" not in answer.get_body().decode()
    body = body_of(answer)
    assert (body["runId"], body["phase"], body["outcome"]) == (run_id, "Requested", None)


def test_a_run_that_polls_shows_its_polls(ports, client, run_id):
    """Polls and the next one come from what the polling orchestration says of itself."""
    move(ports, run_id, RunPhase.SUBMITTING)
    move(ports, run_id, RunPhase.RUNNING, operation=Operation(location_url="https://x/"))
    client.put(
        names.follow_instance(run_id),
        "Running",
        custom_status={"polls": 7, "nextPollAt": "2026-11-23T02:08:00+00:00", "fault": None},
    )

    body = body_of(look(ports, client, run_id))

    assert (body["polls"], body["nextPollAt"]) == (7, "2026-11-23T02:08:00+00:00")


def test_a_host_that_cannot_be_asked_does_not_hide_the_run(ports, client, run_id):
    """Durable's client fails: the run is shown from its record."""
    move(ports, run_id, RunPhase.SUBMITTING)
    move(ports, run_id, RunPhase.RUNNING, operation=Operation(location_url="https://x/"))
    client.on_status = RuntimeError("the host said 500")

    answer = look(ports, client, run_id)

    assert (answer.status_code, body_of(answer)["phase"]) == (202, "Running")


def test_a_run_that_succeeded_is_200_with_its_report(ports, client, run_id):
    """200 with the restore point and the report that the restore left."""
    end(ports, run_id, Outcome.SUCCEEDED)
    ports.records().put(layout.report_key(run_id), b'{"differences": []}')

    answer = look(ports, client, run_id)

    body = body_of(answer)
    assert (answer.status_code, body["outcome"], body["durationS"]) == (200, "Succeeded", 1140)
    assert body["restorePoint"]["service"] == "contoso"
    assert body["report"] == {"differences": []}


def test_an_answer_holds_the_first_fifty_of_each_list(ports, client, run_id):
    """The stored report may name a thousand differences; the total says how many there are."""
    end(ports, run_id, Outcome.FAILED)
    stored = {
        "differences": [{"entity": f"/apis/a{number}"} for number in range(1000)],
        "differencesTotal": 1200,
    }
    ports.records().put(layout.report_key(run_id), json.dumps(stored).encode())

    report = body_of(look(ports, client, run_id))["error"]["run"]["report"]

    assert (len(report["differences"]), report["differencesTotal"]) == (50, 1200)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.FAILED, 422),
        (Outcome.REFUSED, 409),
        (Outcome.POLL_DENIED, 424),
        (Outcome.OUTCOME_UNKNOWN, 424),
    ],
)
def test_a_run_that_did_not_succeed_is_an_error(ports, client, run_id, outcome, status):
    """Each word has a status that no client repeats, and an envelope with code, hint and the run's facts."""
    end(ports, run_id, outcome, "RestoreDiffers")

    answer = look(ports, client, run_id)

    error = body_of(answer)["error"]
    assert answer.status_code == status
    assert error["code"] == "RestoreDiffers"
    assert "Do this." in error["message"]
    assert error["details"][0]["code"] == outcome
    assert error["run"]["runId"] == run_id


@pytest.mark.parametrize(
    "bad", ["", "x", "../nights/2026-11-23", "20261123T020000Z-backup-x/../../a", "a" * 300]
)
def test_what_is_no_run_id_is_404_and_no_blob_name(ports, client, bad):
    """Only ids that we could have made are looked up."""
    ports.records().faults["read"].append(AssertionError("a blob was read"))

    answer = look(ports, client, bad)

    assert (answer.status_code, body_of(answer)["error"]["code"]) == (404, "NotFound")


def test_a_line_break_makes_no_run_id(ports, client, run_id):
    """An id with a line break at its end is not that run."""
    ports.records().faults["read"].append(AssertionError("a blob was read"))

    assert look(ports, client, run_id + "\n").status_code == 404


def test_an_unknown_run_is_404(ports, client):
    """An id that nobody was given."""
    answer = look(ports, client, "20261123T020000Z-backup-nobody")

    assert (answer.status_code, body_of(answer)["error"]["code"]) == (404, "RunNotFound")


def test_storage_that_is_down_is_503(ports, client, run_id):
    """The record cannot be read now: ask again."""
    ports.records().faults["read"].append(UnavailableError("the records: ServerBusy"))

    answer = look(ports, client, run_id)

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_runs_are_listed_newest_first(ports, client, run_id):
    """The list holds runs at work and runs that ended."""
    end(ports, run_id, Outcome.SUCCEEDED)
    put_point(ports)
    ports.clock.advance(60)
    later = body_of(run(start_restore(request(GOOD), FakeFree(client), ports)))["runId"]

    listed = body_of(run(list_runs(client, ports)))["value"]

    assert [item["runId"] for item in listed] == [later, run_id]
    assert [item["outcome"] for item in listed] == [None, "Succeeded"]


class FakeFree:
    """A client to which every service looks free."""

    def __init__(self, client):
        client.instances.clear()
        self.start_new = client.start_new
        self.get_status = client.get_status


class OurRoutes(HttpTransport):
    """azure-core's transport, with our calls behind it instead of a network."""

    def __init__(self, ports, client, on_poll):
        self._ports = ports
        self._client = client
        self._on_poll = on_poll
        self.polls = 0
        self.waits = []

    def send(self, request_, **_options):
        """Answer one request by the call that its path means."""
        if request_.method == "POST":
            answer = run(start_restore(request(GOOD, url=request_.url), self._client, self._ports))
        else:
            self.polls += 1
            run_id = request_.url.split("?")[0].rsplit("/", 1)[1]
            self._on_poll(self.polls, run_id)
            answer = look(self._ports, self._client, run_id, url=request_.url)
        return Answer(request_, answer)

    def sleep(self, seconds):
        """Wait in no time."""
        self.waits.append(seconds)

    def open(self):
        """Nothing to open."""

    def close(self):
        """Nothing to close."""

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None


class Answer(HttpResponseImpl):
    """One of our answers as azure-core sees it."""

    def __init__(self, request_, answer):
        headers = CaseInsensitiveDict({**answer.headers, "Content-Type": answer.mimetype})
        super().__init__(
            request=request_,
            internal_response=None,
            block_size=None,
            status_code=answer.status_code,
            reason="",
            content_type=answer.mimetype,
            headers=headers,
            stream_download_generator=None,
        )
        self._content = answer.get_body()

    def body(self):
        """Return the bytes; pipeline policies of the older interface ask for them like this."""
        return self._content


def follow(ports, client, on_poll):
    """Start a restore and follow it as a generic client does; return (result, transport)."""
    transport = OurRoutes(ports, client, on_poll)
    pipeline = PipelineClient(
        "https://dr.example", transport=transport, policies=[RequestIdPolicy(), RetryPolicy(retry_total=0)]
    )
    first = pipeline._pipeline.run(HttpRequest("POST", "https://dr.example/api/restores?code=SECRET"))
    poller = LROPoller(
        pipeline,
        first,
        lambda response: response.http_response.json(),
        LROBasePolling(timeout=30),
    )
    return poller.result(), transport


def test_a_generic_client_follows_a_restore_to_its_end(ports, client):
    """azure-core's poller goes from our 202 to the 200, waiting as Retry-After asks."""
    put_point(ports)
    last = 3

    def on_poll(polls, run_id):
        if polls == last:
            end(ports, run_id, Outcome.SUCCEEDED)

    result, transport = follow(ports, client, on_poll)

    assert (result["outcome"], transport.polls) == ("Succeeded", last)
    assert set(transport.waits) == {5}


def test_a_generic_client_sees_a_failure_as_an_error(ports, client):
    """The end word Failed reaches the caller of a generic client as an error with our code."""
    put_point(ports)

    def on_poll(polls, run_id):
        if polls == 2:
            end(ports, run_id, Outcome.FAILED, "RestoreDiffers")

    with pytest.raises(HttpResponseError) as caught:
        follow(ports, client, on_poll)

    assert "RestoreDiffers" in str(caught.value)


def lose(ports, client, run_id):
    """End a run's orchestration from outside, some time ago."""
    client.put(ports.runs.read(run_id)[0].instance_id, "Terminated")
    ports.clock.advance(360)


def test_a_run_that_nothing_drives_is_202_and_says_so(ports, client, run_id):
    """The watch takes it up again or ends it, so it is still to be followed."""
    lose(ports, client, run_id)

    answer = look(ports, client, run_id)

    assert answer.status_code == 202
    assert "nothing drives this run at present" in body_of(answer)["message"]


def test_a_run_that_nobody_can_take_up_says_so_instead_of_202(ports, client, run_id):
    """Its wish is not on record: it must not be waited for forever."""
    lose(ports, client, run_id)
    record, etag = ports.runs.read(run_id)
    ports.runs.replace(record.model_copy(update={"wish": {}}), etag)

    answer = look(ports, client, run_id)

    assert answer.status_code == 424
    assert body_of(answer)["error"]["code"] == "RunAbandoned"


def test_a_run_between_its_record_and_its_start_is_still_202(ports, client, run_id):
    """For some moments a run has a record and no driver yet."""
    client.put(ports.runs.read(run_id)[0].instance_id, "Terminated")

    assert look(ports, client, run_id).status_code == 202


def test_a_run_that_was_taken_up_shows_the_polls_of_its_new_instance(ports, client, run_id):
    """The former polling may be at work still, and counts for nothing."""
    move(ports, run_id, RunPhase.SUBMITTING)
    move(ports, run_id, RunPhase.RUNNING, operation=Operation(location_url="https://x/"), resumes=1)
    client.put(names.follow_instance(run_id), "Running", custom_status={"polls": 7})
    client.put(names.follow_instance(run_id, 1), "Running", custom_status={"polls": 2})

    body = body_of(look(ports, client, run_id))

    assert (body["polls"], body["resumes"]) == (2, 1)


def resolve(ports, run_id, outcome, **changes):
    """Write what a later look found beside a run's first word."""
    record, etag = ports.runs.read(run_id)
    resolution = Resolution(outcome=outcome, at=ENDED_AT, **changes)
    ports.runs.replace(record.model_copy(update={"resolution": resolution}), etag)


def test_the_later_word_is_the_one_that_is_answered_with(ports, client, run_id):
    """OutcomeUnknown first, Succeeded later: 200, with both words."""
    end(ports, run_id, Outcome.OUTCOME_UNKNOWN, "StillRunning")
    resolve(ports, run_id, Outcome.SUCCEEDED)

    answer = look(ports, client, run_id)

    body = body_of(answer)
    assert (answer.status_code, body["outcome"], body["word"]) == (200, "OutcomeUnknown", "Succeeded")
    assert (body["fault"]["code"], body["resolution"]["outcome"]) == ("StillRunning", "Succeeded")


def test_a_later_failure_is_answered_with_its_own_fault(ports, client, run_id):
    """OutcomeUnknown first, Failed later: 422 with the later code, the first fault stays in the run."""
    end(ports, run_id, Outcome.OUTCOME_UNKNOWN, "StillRunning")
    resolve(ports, run_id, Outcome.FAILED, fault=Fault(code="RestoreFailed", message="the tier differs"))

    answer = look(ports, client, run_id)

    error = body_of(answer)["error"]
    assert (answer.status_code, error["code"]) == (422, "RestoreFailed")
    assert (error["details"][0]["code"], error["run"]["fault"]["code"]) == ("Failed", "StillRunning")


def test_the_list_shows_both_words(ports, client, run_id):
    """In the list as well as alone."""
    end(ports, run_id, Outcome.POLL_DENIED, "AuthorizationFailed")
    resolve(ports, run_id, Outcome.SUCCEEDED, restore_point="x.apimbackup")

    (item,) = body_of(run(list_runs(client, ports)))["value"]

    assert (item["outcome"], item["word"], item["restorePointName"]) == (
        "PollDenied",
        "Succeeded",
        "x.apimbackup",
    )


def test_a_waiting_run_says_what_it_waits_for(ports, client, run_id):
    """The message of a run at work is what its orchestration waits for."""
    client.put(
        ports.runs.read(run_id)[0].instance_id,
        "Running",
        input_={"runId": run_id},
        custom_status={"step": "check_restore", "waitingFor": "service contoso-neu is Updating"},
    )

    assert body_of(look(ports, client, run_id))["message"] == "waiting: service contoso-neu is Updating"

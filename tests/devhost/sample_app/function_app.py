"""A small app with one of everything the devhost runs."""

import datetime as dt
import json
import os
import pathlib
import threading

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)


def note(line: str) -> None:
    """Append a line to the file named by SAMPLE_NOTES, so that a test can count what happened."""
    path = os.environ.get("SAMPLE_NOTES")
    if path:
        with pathlib.Path(path).open("a") as file:
            file.write(line + "\n")


@app.route(route="hello/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def hello(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"hello {req.route_params['name']} at {req.url}")


@app.route(route="guarded", methods=["POST"])
def guarded(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(req.get_json()), mimetype="application/json", status_code=201)


@app.route(route="broken")
def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("a fault in the app")


@app.route(route="countdowns/{id}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start_countdown(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    try:
        instance_id = await client.start_new("countdown", req.route_params["id"], req.get_json())
    except Exception as err:  # noqa: BLE001 - the SDK raises nothing narrower
        return func.HttpResponse(str(err), status_code=409)
    return client.create_check_status_response(req, instance_id)


@app.timer_trigger(arg_name="timer", schedule="%SAMPLE_SCHEDULE%", use_monitor=True)
@app.durable_client_input(client_name="client")
async def nightly(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    note(f"nightly past_due={timer.past_due}")
    await client.start_new("countdown", "night", {"left": 1, "every_s": 0.01})


@app.queue_trigger(arg_name="message", queue_name="%SAMPLE_QUEUE%", connection="AzureWebJobsStorage")
def on_message(message: func.QueueMessage) -> None:
    body = message.get_json()
    if body.get("by_hand"):
        note(f"message {body['id']} by hand")
        return
    fresh = dt.datetime.now(dt.UTC) - message.insertion_time < dt.timedelta(hours=1)
    note(f"message {body['id']} of {message.id} delivery {message.dequeue_count} fresh {fresh}")
    if body.get("fails"):
        raise RuntimeError("told to fail")


@app.orchestration_trigger(context_name="context")
def countdown(context: df.DurableOrchestrationContext):
    """Count down by one, with a timer between two steps; start over every five steps."""
    data = context.get_input()
    for _ in range(5):
        data = yield context.call_activity("step", data)
        context.set_custom_status({"left": data["left"]})
        if data["left"] <= 0:
            return {"finished": True}
        yield context.create_timer(context.current_utc_datetime + dt.timedelta(seconds=data["every_s"]))
    context.continue_as_new(data)


@app.orchestration_trigger(context_name="context")
def waiter(context: df.DurableOrchestrationContext):
    """Wait for an event named "go" and return its payload."""
    return (yield context.wait_for_external_event("go"))


@app.activity_trigger(input_name="data")
def step(data: dict) -> dict:
    if os.environ.get("SAMPLE_HANGS"):
        threading.Event().wait()
    note(f"step {data['left']}")
    return {**data, "left": data["left"] - 1}

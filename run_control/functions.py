"""The seam: decorators and bindings, nothing else."""

import azure.durable_functions as df
import azure.functions as func

from run_control import activities, later, orchestrator, watch
from shared import wiring

bp = df.Blueprint()


@bp.timer_trigger(arg_name="timer", schedule="0 */5 * * * *", run_on_startup=False, use_monitor=True)
@bp.durable_client_input(client_name="client")
async def watch_runs(timer: func.TimerRequest, client) -> None:
    await watch.watch(client, wiring.ports())


@bp.orchestration_trigger(context_name="context")
def resolve_run(context: df.DurableOrchestrationContext):
    return orchestrator.resolve_run(context)


@bp.activity_trigger(input_name="question")
@bp.durable_client_input(client_name="client")
async def run_states(question: dict, client):
    return await activities.run_states(question, client, wiring.ports())


@bp.activity_trigger(input_name="end")
def end_run(end: dict):
    return activities.end_run(end, wiring.ports())


@bp.activity_trigger(input_name="question")
def recall_run(question: dict):
    return later.recall_run(question, wiring.ports())


@bp.activity_trigger(input_name="question")
def find_effect(question: dict):
    return later.find_effect(question, wiring.ports())


@bp.activity_trigger(input_name="finding")
def write_resolution(finding: dict):
    return later.write_resolution(finding, wiring.ports())

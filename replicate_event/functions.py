"""The seam: decorators and bindings, nothing else."""

import azure.durable_functions as df
import azure.functions as func

from replicate_event import activities, orchestrator
from replicate_event.receive import receive
from shared import settings, wiring
from shared.core.requests import RestoreRequest
from shared.start import start_run

bp = df.Blueprint()


@bp.queue_trigger(arg_name="msg", queue_name=settings.QUEUE, connection=settings.QUEUE_CONNECTION)
@bp.durable_client_input(client_name="client")
async def replicate_event(msg: func.QueueMessage, client) -> None:
    await receive(msg.get_body().decode(), client, wiring.ports())


@bp.orchestration_trigger(context_name="context")
def replicate_restore_point(context: df.DurableOrchestrationContext):
    return orchestrator.replicate_restore_point(context)


@bp.activity_trigger(input_name="wish")
def choose_replication(wish: dict):
    return activities.choose_replication(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
@bp.durable_client_input(client_name="client")
async def start_replication(wish: dict, client):
    request = RestoreRequest.from_json(wish)
    word = await start_run(wiring.ports(), client, request)
    return {
        "started": word.value,
        "runId": request.run_id,
        "instanceId": request.first_record().instance_id,
    }


@bp.activity_trigger(input_name="wish")
def record_replica(wish: dict):
    return activities.record_replica(wish, wiring.ports())

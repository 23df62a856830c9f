"""The seam: decorators and bindings, nothing else."""

import azure.durable_functions as df
import azure.functions as func

from change_event import activities, orchestrator
from change_event.receive import receive
from shared import settings, unhandled, wiring

bp = df.Blueprint()


@bp.queue_trigger(arg_name="msg", queue_name=settings.CHANGES_QUEUE, connection=settings.QUEUE_CONNECTION)
@bp.durable_client_input(client_name="client")
async def change_event(msg: func.QueueMessage, client) -> None:
    await unhandled.handle(settings.CHANGES_QUEUE, msg, receive, client, wiring.ports())


@bp.orchestration_trigger(context_name="context")
def wait_for_quiet(context: df.DurableOrchestrationContext):
    return orchestrator.wait_for_quiet(context)


@bp.activity_trigger(input_name="wish")
@bp.durable_client_input(client_name="client")
async def weigh_changes(wish: dict, client):
    return await activities.weigh_changes(wish, client, wiring.ports())

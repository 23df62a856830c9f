"""The seam: decorators and bindings, nothing else."""

import azure.durable_functions as df
import azure.functions as func

from replicate_event import activities, call, finding, orchestrator, stopping, surveying
from replicate_event.receive import receive
from shared import copying, http, settings, unhandled, wiring
from shared.core.errors import DrError

bp = df.Blueprint()


@bp.queue_trigger(arg_name="msg", queue_name=settings.QUEUE, connection=settings.QUEUE_CONNECTION)
@bp.durable_client_input(client_name="client")
async def replicate_event(msg: func.QueueMessage, client) -> None:
    await unhandled.handle(settings.QUEUE, msg, receive, client, wiring.ports())


@bp.timer_trigger(arg_name="timer", schedule="0 */10 * * * *", run_on_startup=False, use_monitor=True)
@bp.durable_client_input(client_name="client")
async def find_unreplicated(timer: func.TimerRequest, client) -> None:
    await finding.find_unreplicated(client, wiring.ports())


@bp.route(route="services/{service}/replicate", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def ask_replication(req: func.HttpRequest, client) -> func.HttpResponse:
    try:
        return await call.ask_replication(req, client, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="services/{service}/replication-stop", methods=["PUT"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def stop_replication(req: func.HttpRequest, client) -> func.HttpResponse:
    try:
        return await stopping.stop_replication(req, client, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="services/{service}/replication-stop", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def resume_replication(req: func.HttpRequest, client) -> func.HttpResponse:
    try:
        return await stopping.resume_replication(req, client, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.orchestration_trigger(context_name="context")
def replicate_service(context: df.DurableOrchestrationContext):
    return orchestrator.replicate_service(context)


@bp.activity_trigger(input_name="wish")
def survey_replication(wish: dict):
    return surveying.survey_replication(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
@bp.durable_client_input(client_name="client")
async def start_replication(wish: dict, client):
    return await activities.start_replication(wish, client, wiring.ports())


@bp.activity_trigger(input_name="wish")
def confirm_replica(wish: dict):
    return activities.confirm_replica(wish, wiring.ports())


@bp.activity_trigger(input_name="said")
def note_replication(said: dict):
    return activities.note_replication(said, wiring.ports())


@bp.activity_trigger(input_name="wish")
def note_blind_look(wish: dict):
    return activities.note_blind_look(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
def record_replica(wish: dict):
    return activities.record_replica(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
def copy_restore_point(wish: dict):
    return copying.copy_restore_point(wish, wiring.ports())

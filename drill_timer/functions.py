"""The seam: decorators and bindings, nothing else."""

import azure.durable_functions as df
import azure.functions as func

from drill_timer import activities, calls, orchestrator, planning, start
from shared import http, settings, wiring
from shared.core.errors import DrError

bp = df.Blueprint()


@bp.timer_trigger(
    arg_name="timer", schedule=settings.drill_schedule(), run_on_startup=False, use_monitor=True
)
@bp.durable_client_input(client_name="client")
async def drill_timer(timer: func.TimerRequest, client) -> None:
    await start.start(client, wiring.ports(), settings.read_drill_schedule())


@bp.route(route="drills", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def start_drill(req: func.HttpRequest, client) -> func.HttpResponse:
    try:
        return await calls.start_drill(req, client, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="drills", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def list_drills(req: func.HttpRequest) -> func.HttpResponse:
    try:
        return await calls.list_drills(req, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="drills/{drill_id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def get_drill(req: func.HttpRequest, client) -> func.HttpResponse:
    try:
        return await calls.get_drill(req, client, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.orchestration_trigger(context_name="context")
def drill_fleet(context: df.DurableOrchestrationContext):
    return orchestrator.drill_fleet(context)


@bp.orchestration_trigger(context_name="context")
def drill_services(context: df.DurableOrchestrationContext):
    return orchestrator.drill_services(context)


@bp.activity_trigger(input_name="wish")
def plan_drills(wish: dict):
    return planning.plan_drills(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
def choose_drill(wish: dict):
    return activities.choose_drill(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
@bp.durable_client_input(client_name="client")
async def start_drill_run(wish: dict, client):
    return await start.start_drill_run(wish, client, wiring.ports())


@bp.activity_trigger(input_name="ended")
def record_drill(ended: dict):
    return activities.record_drill(ended, wiring.ports())

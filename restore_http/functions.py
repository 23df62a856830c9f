"""The seam: decorators and bindings, nothing else."""

import azure.durable_functions as df
import azure.functions as func

from restore_http import activities, call, orchestrator, safety, verify
from shared import http, wiring
from shared.core.errors import DrError

bp = df.Blueprint()


@bp.route(route="restores", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def start_restore(req: func.HttpRequest, client) -> func.HttpResponse:
    try:
        return await call.start_restore(req, client, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.orchestration_trigger(context_name="context")
def restore_service(context: df.DurableOrchestrationContext):
    return orchestrator.restore_service(context)


@bp.activity_trigger(input_name="wish")
def check_restore(wish: dict):
    return activities.check_restore(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
def prepare_safety(wish: dict):
    return safety.prepare_safety(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
def keep_safety(wish: dict):
    return safety.keep_safety(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
def begin_restore(wish: dict):
    return activities.begin_restore(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
def verify_restore(wish: dict):
    return verify.verify_restore(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
def report_failed_restore(wish: dict):
    return verify.report_failed_restore(wish, wiring.ports())

"""The seam: decorators and bindings, nothing else."""

import azure.durable_functions as df
import azure.functions as func

from catalog_keeping import activities, calls, orchestrator, rebuild
from shared import http, wiring
from shared.core.errors import DrError

bp = df.Blueprint()


@bp.route(route="prune-plan", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def show_prune_plan(req: func.HttpRequest) -> func.HttpResponse:
    try:
        return await calls.show_prune_plan(req, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="restore-points/{service}/{name}/hold", methods=["PUT"], auth_level=func.AuthLevel.FUNCTION)
async def hold_restore_point(req: func.HttpRequest) -> func.HttpResponse:
    try:
        return await calls.hold_restore_point(req, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(
    route="restore-points/{service}/{name}/hold", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION
)
async def release_restore_point(req: func.HttpRequest) -> func.HttpResponse:
    try:
        return await calls.release_restore_point(req, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="catalog/rebuild", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def start_rebuild(req: func.HttpRequest, client) -> func.HttpResponse:
    try:
        return await calls.start_rebuild(req, client, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="catalog/rebuilds/{rebuild_id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def get_rebuild(req: func.HttpRequest, client) -> func.HttpResponse:
    try:
        return await calls.get_rebuild(req, client, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.activity_trigger(input_name="wish")
def prune_restore_points(wish: dict):
    return activities.prune_restore_points(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
def prune_copies(wish: dict):
    return activities.prune_copies(wish, wiring.ports())


@bp.orchestration_trigger(context_name="context")
def rebuild_catalog(context: df.DurableOrchestrationContext):
    return orchestrator.rebuild_catalog(context)


@bp.activity_trigger(input_name="wish")
def rebuild_service(wish: dict):
    return rebuild.rebuild_service(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
def end_rebuild(wish: dict):
    return rebuild.end_rebuild(wish, wiring.ports())

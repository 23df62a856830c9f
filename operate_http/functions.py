"""The seam: decorators and bindings, nothing else."""

import azure.durable_functions as df
import azure.functions as func

from operate_http import calls, failover, nights, preflight, resolve, services
from shared import http, wiring
from shared.core.errors import DrError

bp = df.Blueprint()


@bp.route(route="runs", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def list_runs(req: func.HttpRequest, client) -> func.HttpResponse:
    try:
        return await calls.list_runs(client, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="runs/{run_id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def get_run(req: func.HttpRequest, client) -> func.HttpResponse:
    try:
        return await calls.get_run(req, client, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="runs/{run_id}/resolve", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def start_resolving(req: func.HttpRequest, client) -> func.HttpResponse:
    try:
        return await resolve.start_resolving(req, client, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="restore-points", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def list_restore_points(req: func.HttpRequest) -> func.HttpResponse:
    try:
        return await calls.list_restore_points(req, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="nights", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def list_nights(req: func.HttpRequest, client) -> func.HttpResponse:
    try:
        return await nights.list_nights(client, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="nights/{night_id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def get_night(req: func.HttpRequest, client) -> func.HttpResponse:
    try:
        return await nights.get_night(req, client, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="preflight", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def show_preflight(req: func.HttpRequest) -> func.HttpResponse:
    try:
        return await preflight.show_preflight(req, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="services", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def list_services(req: func.HttpRequest) -> func.HttpResponse:
    try:
        return await services.list_services(req, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="services/{name}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def get_service(req: func.HttpRequest) -> func.HttpResponse:
    try:
        return await services.get_service(req, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="services/{name}/failover", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def show_failover(req: func.HttpRequest) -> func.HttpResponse:
    try:
        return await failover.show_failover(req, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)


@bp.route(route="services/{name}/failback", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def show_failback(req: func.HttpRequest) -> func.HttpResponse:
    try:
        return await failover.show_failback(req, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)

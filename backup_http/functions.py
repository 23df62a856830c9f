"""The seam: decorators and bindings, nothing else."""

import azure.durable_functions as df
import azure.functions as func

from backup_http import call
from shared import http, wiring
from shared.core.errors import DrError

bp = df.Blueprint()


@bp.route(route="backups", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def start_backups(req: func.HttpRequest, client) -> func.HttpResponse:
    try:
        return await call.start_backups(req, client, wiring.ports())
    except DrError as err:  # settings or plan are not usable
        return http.failure(err)

"""The seam: decorators and bindings, nothing else."""

import azure.durable_functions as df
import azure.functions as func

from shared import settings, wiring
from usage_timer import activities, orchestrator, start

bp = df.Blueprint()


@bp.timer_trigger(
    arg_name="timer", schedule=settings.usage_schedule(), run_on_startup=False, use_monitor=True
)
@bp.durable_client_input(client_name="client")
async def usage_timer(timer: func.TimerRequest, client) -> None:
    await start.start(client, wiring.ports())


@bp.orchestration_trigger(context_name="context")
def export_usage(context: df.DurableOrchestrationContext):
    return orchestrator.export_usage(context)


@bp.orchestration_trigger(context_name="context")
def export_service_usage(context: df.DurableOrchestrationContext):
    return orchestrator.export_service_usage(context)


@bp.activity_trigger(input_name="wish")
def plan_usage(wish: dict):
    return activities.plan_usage(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
@bp.durable_client_input(client_name="client")
async def start_usage_export(wish: dict, client):
    return await start.start_usage_export(wish, client, wiring.ports())


@bp.activity_trigger(input_name="question")
@bp.durable_client_input(client_name="client")
async def usage_states(question: dict, client):
    return await start.usage_states(question, client)


@bp.activity_trigger(input_name="ended")
def end_usage(ended: dict):
    return activities.end_usage(ended, wiring.ports())


@bp.activity_trigger(input_name="wish")
def plan_service_usage(wish: dict):
    return activities.plan_service_usage(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
def export_usage_day(wish: dict):
    return activities.export_usage_day(wish, wiring.ports())


@bp.activity_trigger(input_name="ended")
def end_service_usage(ended: dict):
    return activities.end_service_usage(ended, wiring.ports())

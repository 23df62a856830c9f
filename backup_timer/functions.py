"""The seam: decorators and bindings, nothing else."""

import azure.durable_functions as df
import azure.functions as func

from backup_timer import activities, after, before, night, night_record, orchestrator
from shared import settings, wiring

bp = df.Blueprint()


@bp.timer_trigger(
    arg_name="timer", schedule=settings.backup_schedule(), run_on_startup=False, use_monitor=True
)
@bp.durable_client_input(client_name="client")
async def backup_timer(timer: func.TimerRequest, client) -> None:
    await night.start(client, wiring.ports(), settings.read_schedule())


@bp.timer_trigger(arg_name="timer", schedule="0 3-53/10 * * * *", run_on_startup=False, use_monitor=True)
@bp.durable_client_input(client_name="client")
async def catch_up_night(timer: func.TimerRequest, client) -> None:
    await night.catch_up(client, wiring.ports(), settings.read_schedule())


@bp.orchestration_trigger(context_name="context")
def back_up_fleet(context: df.DurableOrchestrationContext):
    return orchestrator.back_up_fleet(context)


@bp.orchestration_trigger(context_name="context")
def back_up_service(context: df.DurableOrchestrationContext):
    return orchestrator.back_up_service(context)


@bp.activity_trigger(input_name="wish")
def plan_night(wish: dict):
    return activities.plan_night(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
@bp.durable_client_input(client_name="client")
async def start_backup(wish: dict, client):
    return await activities.start_backup(wish, client, wiring.ports())


@bp.activity_trigger(input_name="night")
def end_night(night: dict):
    return night_record.end_night(night, wiring.ports())


@bp.activity_trigger(input_name="wish")
def prepare_backup(wish: dict):
    return before.prepare_backup(wish, wiring.ports())


@bp.activity_trigger(input_name="wish")
def begin_backup(wish: dict):
    return before.begin_backup(wish, wiring.ports())


@bp.activity_trigger(input_name="facts")
def verify_backup(facts: dict):
    return after.verify_backup(facts, wiring.ports())


@bp.activity_trigger(input_name="verified")
def record_restore_point(verified: dict):
    return after.record_restore_point(verified, wiring.ports())

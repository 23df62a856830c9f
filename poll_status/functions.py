"""The seam: decorators and bindings, nothing else."""

import azure.durable_functions as df

from poll_status import activities, orchestrator
from shared import wiring

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context")
def poll_operation(context: df.DurableOrchestrationContext):
    return orchestrator.poll_operation(context)


@bp.activity_trigger(input_name="question")
def poll_once(question: dict):
    return activities.poll_once(question, wiring.ports())

"""The seam: decorators and bindings, nothing else."""

import azure.durable_functions as df

from run_control import activities
from shared import wiring

bp = df.Blueprint()


@bp.activity_trigger(input_name="question")
@bp.durable_client_input(client_name="client")
async def run_states(question: dict, client):
    return await activities.run_states(question, client, wiring.ports())


@bp.activity_trigger(input_name="end")
def end_run(end: dict):
    return activities.end_run(end, wiring.ports())

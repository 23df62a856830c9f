"""`preprovision`: make what has to stay, before azd makes the rest. A second run changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from deploy import parameters, plan_file, told
from deploy.az import Az, AzFault, store
from deploy.deploying import deploy, is_lag
from deploy.faults import INTERRUPTED, DeployFault, DeployFaults
from deploy.given import compare_roles, leave_out_given
from deploy.inputs import Inputs, read_inputs
from deploy.plan_file import PLAN_FILE
from deploy.planning import container_faults, plan_work
from deploy.surroundings import SignIn, is_name_free, look, missing_containers, signed_in
from deploy.work import Work
from shared.core.plan import Plan


def foundation(environment: Mapping[str, str]) -> int:
    """
    Deploy the foundation of an environment, and hand its outputs to azd.

    Raises:
        DeployFault: it could not be done; says what was, and what to do.
        ConfigError: the plan is not usable; nothing was done.
    """
    work, who = prepare(environment)
    inputs = work.inputs
    if inputs.is_given:
        outputs = _given(inputs)
        print(f"The foundation {inputs.deployment} was deployed by somebody else, and is taken as it is.")
    else:
        file = parameters.file_of(inputs.environment, "foundation")
        parameters.write(file, work.parameters())
        print(told.beforehand(work, who), flush=True)
        try:
            print("az is deploying it; the first time takes some minutes …", flush=True)
            outputs = _deploy(work)
        except KeyboardInterrupt:
            print(f"\ninterrupted; Azure may still be deploying. {_how_to_look(inputs)}", file=sys.stderr)
            print("Another azd provision takes it up again.", file=sys.stderr)
            return INTERRUPTED
        print(told.afterwards(work), flush=True)
    values = {variable: outputs[name] for name, variable in parameters.STORED.items()}
    values[parameters.NEW_PLAN] = parameters.in_base64(work.plan) if work.has_new_plan else ""
    if not store(inputs.environment, values):
        print("There is no azd here, so nothing was stored: python3 -m tools.deploy parameters goes on.")
    return 0


def write_parameters(environment: Mapping[str, str]) -> int:
    """
    Write the parameter files of both templates, for a deployment without azd.

    Raises:
        DeployFault, ConfigError: as `foundation` does.
    """
    work, who = prepare(environment)
    inputs = work.inputs
    file = parameters.file_of(inputs.environment, "foundation")
    parameters.write(file, work.parameters())
    print(told.beforehand(work, who))
    print(f"Written: {file}")
    deployment = _find(inputs)
    if deployment is None:
        print(f"Next, az deployment sub create --name {inputs.deployment} --location {inputs.location}")
        print(f"  --subscription {inputs.subscription} --template-file infra/foundation.bicep")
        print(f"  --parameters @{file}")
        print("in one line; then this command again: it writes the parameters of infra/main.bicep.")
        return 0
    main = parameters.file_of(inputs.environment, "main")
    outputs = parameters.outputs_of(deployment)
    stored = {variable: outputs[name] for name, variable in parameters.STORED.items()}
    parameters.write(main, parameters.main_parameters(work.plan, {**environment, **stored}))
    print(f"Written: {main}")
    for sentence in work.left:
        print(f"Left to do: {sentence}")
    return 0


def prepare(environment: Mapping[str, str]) -> tuple[Work, SignIn]:
    """
    Read and check everything; changes nothing but a plan file that is still `{}`.

    Raises:
        DeployFault, ConfigError: with every fault that could be told.
    """
    inputs = read_inputs(environment)
    is_new = plan_file.is_empty(PLAN_FILE)
    plan: Plan | None = None if is_new else plan_file.read_plan(PLAN_FILE, inputs.location)
    az = Az(inputs.subscription)
    who = signed_in(az)
    if plan is None:
        ask = input if sys.stdin.isatty() else None
        print(plan_file.begin_plan(PLAN_FILE, inputs, az, who.cloud, ask))
        plan = plan_file.read_plan(PLAN_FILE, inputs.location)
    if isinstance(plan.cloud, str) and plan.cloud != who.cloud:
        raise DeployFault(
            f"the plan is for the cloud {plan.cloud!r}, and az is signed in to {who.cloud!r}: "
            "az cloud set --name …, or correct $.cloud"
        )
    around = look(az, plan, inputs)
    account = plan.regions[plan.region].account
    is_free = account in around.accounts or is_name_free(az, account)
    work = plan_work(plan, inputs, around, is_name_free=is_free)
    work.has_new_plan = is_new
    if not work.faults:
        container_faults(work, missing_containers(az, work.places, around.accounts))
    if not work.faults:
        leave_out_given(az, work)
        compare_roles(az, work)
    if work.faults:
        raise DeployFaults("nothing was deployed", work.faults)
    return work, who


def _deploy(work: Work) -> dict[str, str]:
    inputs = work.inputs
    file = parameters.file_of(inputs.environment, "foundation")
    command = ["--location", inputs.location, "--template-file", str(parameters.FOUNDATION_TEMPLATE)]
    command += ["--parameters", f"@{file}"]
    try:
        deployment = deploy(Az(inputs.subscription), inputs.deployment, command, _say)
    except AzFault as fault:
        more = (
            told.for_an_administrator(work, parameters.FOUNDATION_TEMPLATE, file)
            if fault.is_forbidden and not is_lag(fault)
            else f"What Azure made before stays, and another azd provision goes on. {_how_to_look(inputs)}"
        )
        raise DeployFault(f"{fault}\n{more}") from fault
    return parameters.outputs_of(deployment)


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def _given(inputs: Inputs) -> dict[str, str]:
    deployment = _find(inputs)
    if deployment is None:
        raise DeployFault(
            f"APIM_DR_FOUNDATION is given, and there is no deployment {inputs.deployment} in subscription "
            f"{inputs.subscription} yet; to deploy it from here: azd env set APIM_DR_FOUNDATION ''"
        )
    return parameters.outputs_of(deployment)


def _find(inputs: Inputs) -> Mapping[str, object] | None:
    found: Mapping[str, object] | None = Az(inputs.subscription).found(
        "looking for the foundation", ["deployment", "sub", "show", "--name", inputs.deployment]
    )
    return found


def _how_to_look(inputs: Inputs) -> str:
    return (
        f"How it stands: az deployment operation sub list --name {inputs.deployment} "
        f"--subscription {inputs.subscription} --output table"
    )

"""Names that the templates and the code have in common: queues, containers, events; azd's own two files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from bicep import File
from bicep_functions import Unknown
from deploying import Deployment

from shared import settings
from shared.core import change_events, events, layout
from shared.core.plan_checks import RECORDS_CONTAINER

EVENTS = {settings.QUEUE: {events.BLOB_CREATED}, settings.CHANGES_QUEUE: set(change_events.ARM)}
"""Each queue, and the types of events that the app reads from it, in lower case."""

VARIABLE = re.compile(r"\$\{((?:AZURE|APIM_DR)_[A-Z_]+)(=[^}]*)?\}")
HOOKS = {"preprovision": "foundation", "predown": "stays", "postdown": "remove-kept"}


def queues(deployment: Deployment) -> Iterator[str]:
    """Compare the queues with those that the app listens to."""
    made = deployment.of("Microsoft.Storage/storageAccounts/queueServices/queues")
    names = {str(queue.name) for queue in made}
    yield from (
        queue.at(f"queue {queue.name} is none of the app's") for queue in made if queue.name not in EVENTS
    )
    yield from (made[0].at(f"queue {name} is missing") for name in sorted(EVENTS.keys() - names) if made)


def subscriptions(deployment: Deployment, records: str) -> Iterator[str]:
    """Compare what event subscriptions deliver, where to, and from which blobs, with what the app reads."""
    containers = {
        str(found.name)
        for found in deployment.of("Microsoft.Storage/storageAccounts/blobServices/containers")
    }
    for found in deployment.of("Microsoft.EventGrid/systemTopics/eventSubscriptions"):
        delivery = found.get("properties", "deliveryWithResourceIdentity", "destination", "properties") or {}
        letters = found.get(
            "properties", "deadLetterWithResourceIdentity", "deadLetterDestination", "properties"
        )
        types = {str(name).lower() for name in found.get("properties", "filter", "includedEventTypes") or []}
        queue, begins = delivery.get("queueName"), str(found.get("properties", "filter", "subjectBeginsWith"))
        if queue not in EVENTS:
            yield found.at(f"delivers to {queue}, which is no queue of the app (or not by identity)")
        elif types != EVENTS[queue]:
            yield found.at(
                f"delivers {sorted(types)} to {queue}; the app reads {sorted(EVENTS[queue])} there"
            )
        if queue == settings.QUEUE and not _is_records(begins, records):
            yield found.at(
                f"the subject {begins} is not that of records: {layout.RESTORE_POINTS} in {records}"
            )
        if (letters or {}).get("blobContainerName") not in containers:
            yield found.at("what cannot be delivered goes to a container that is not made here")


def _is_records(begins: str, records: str) -> bool:
    place = re.fullmatch(r"/blobServices/default/containers/([^/]+)/blobs/(.*)", begins)
    return place is not None and place[1] == records and place[2] == layout.RESTORE_POINTS


def containers(deployment: Deployment, top: File) -> Iterator[str]:
    """Compare the container of the records and that of the package with what the app and azd expect."""
    default = top.declared["recordsContainer"]
    if default.value is None or default.value.text != f"'{RECORDS_CONTAINER}'".encode():
        yield top.at(
            default.line, f"the records' container is not {RECORDS_CONTAINER} by default, as in the plan"
        )
    url = deployment.outputs["deploymentContainerUrl"]
    address = url.of if isinstance(url, Unknown) else str(url)
    made = deployment.of("Microsoft.Storage/storageAccounts/blobServices/containers")
    if not any(address.endswith(str(found.name)) for found in made):
        yield top.at(
            top.outputs["deploymentContainerUrl"].line, f"{address} is no container that is made here"
        )


def parameters_file(folder: Path, top: File) -> Iterator[str]:
    """Compare main.parameters.json with the parameters of main.bicep."""
    path = folder / "infra/main.parameters.json"
    given: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["parameters"]
    wanted = {entry.name: entry for entry in top.of("parameter")}
    for name, entry in given.items():
        found = VARIABLE.fullmatch(str(entry.get("value")))
        if name not in wanted:
            yield f"{path.relative_to(folder)}: main.bicep has no parameter {name}"
        elif found is None:
            yield f"{path.relative_to(folder)}: {name} is no variable of azd: {entry.get('value')}"
        elif wanted[name].value is not None and found[2] is None:
            yield f"{path.relative_to(folder)}: {name} may be left out, but azd would ask for {found[1]}"
    for name, entry in wanted.items():
        if entry.value is None and name not in given:
            yield f"{path.relative_to(folder)}: parameter {name} of main.bicep is missing"


def azure_yaml(folder: Path) -> Iterator[str]:
    """Compare azure.yaml with the templates and with the commands of `deploy`."""
    content = yaml.safe_load((folder / "azure.yaml").read_text(encoding="utf-8"))
    infra = content.get("infra", {})
    top = Path(infra.get("path", "infra")) / f"{infra.get('module', 'main')}.bicep"
    if infra.get("provider", "bicep") != "bicep" or not (folder / top).is_file():
        yield f"azure.yaml: there is no {top}"
    (service, *others) = content["services"].items()
    if others or service[1].get("language") != "python" or service[1].get("host") != "function":
        yield "azure.yaml: there must be one service, in Python, on a function app"
    tagged = "".join(path.read_text(encoding="utf-8") for path in (folder / "infra/app").glob("*.bicep"))
    if f"'azd-service-name': '{service[0]}'" not in tagged:
        yield f"azure.yaml: no app has the tag azd-service-name: {service[0]}"
    for name, word in HOOKS.items():
        hook = content.get("hooks", {}).get(name, {})
        for system, program in (("posix", "python3"), ("windows", "python")):
            command = hook.get(system, {}).get("run")
            if command != f"{program} -m tools.deploy {word}":
                yield f"azure.yaml: hook {name}, {system}: {command}"
    yield from (
        f"azure.yaml: hook {name} is not known here" for name in content.get("hooks", {}).keys() - HOOKS
    )

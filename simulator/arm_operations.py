"""Backup, restore and the polling of their results: the protocol exactly as recorded."""

from __future__ import annotations

from simulator import errors
from simulator.arm_services import find_service
from simulator.backup_request import read_backup_request
from simulator.errors import apim_body
from simulator.ids import Noun, Target
from simulator.operations import Kind, Operation, State
from simulator.runner import OperationRunner
from simulator.wire import Answer, Call
from simulator.world import World


class OperationRoutes:
    """Answers POST backup, POST restore and GET operationresults."""

    def __init__(self, world: World, runner: OperationRunner) -> None:
        self._world = world
        self._runner = runner

    async def answer(self, call: Call, target: Target) -> Answer:
        """Answer one call about an operation."""
        wanted = "GET" if target.noun is Noun.OPERATION_RESULT else "POST"
        if call.method != wanted:
            raise errors.method_not_allowed(call.method, call.path)
        if target.noun is Noun.OPERATION_RESULT:
            return await self._poll(call, target)
        return await self._start(call, target)

    async def _start(self, call: Call, target: Target) -> Answer:
        service = find_service(self._world, target)
        request = read_backup_request(call.json_object())
        kind = Kind.BACKUP if target.noun is Noun.BACKUP else Kind.RESTORE
        operation = await self._runner.start(kind, service, request)
        return _accepted(call, operation)

    async def _poll(self, call: Call, target: Target) -> Answer:
        service = find_service(self._world, target)
        operation = self._world.results.get(target.below[1])
        if operation is None or operation.service is not service:
            raise errors.entity_not_found("Operation result")
        await self._runner.poll(operation)
        if operation.state is State.RUNNING:
            return _accepted(call, operation)
        if operation.failure is not None:
            return Answer(status=400, content=apim_body(operation.failure.code, operation.failure.message))
        return Answer(status=200, content=operation.resource)


def _accepted(call: Call, operation: Operation) -> Answer:
    """
    Return the recorded 202: empty, with the absolute Location under the base URL and version that were
    called.
    """
    service, version = operation.service.id, call.query["api-version"]
    location = f"{call.base_url}{service}/operationresults/{operation.result_id}?api-version={version}"
    headers = {"Location": location}
    if operation.progression.retry_after is not None:
        headers["Retry-After"] = operation.progression.retry_after
    return Answer(status=202, headers=headers)

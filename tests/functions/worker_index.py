"""
Index an app through Microsoft's own worker library and print what it sees, as JSON.

Run by test_worker_index.py with the Python 3.13 of build/venv313. The library wants protobuf
messages; objects that keep what they are given do as well, so no protobuf is needed here.
"""

import asyncio
import json
import os
import sys
from types import SimpleNamespace


class Message(SimpleNamespace):
    """Any message: keeps its fields."""


class BindingInfo(Message):
    """A binding; its enums are looked up by name."""

    undefined, string, binary, stream = range(4)


# `in` is a keyword, so the enum's names are set here
for value, name in enumerate(("in", "out", "inout")):
    setattr(BindingInfo, name, value)


class StatusResult(Message):
    """Success or failure."""

    Failure, Success = 0, 1


class Protos:
    """The module of messages that the library is handed."""

    BindingInfo = BindingInfo
    StatusResult = StatusResult

    def __getattr__(self, name: str) -> type[Message]:
        """Return a class for any other message."""
        return Message


async def index(folder: str) -> dict[str, object]:
    """Return {"functions": {name: bindings}} or {"error": what the library says}."""
    import azure_functions_runtime as worker

    os.chdir(folder)
    sys.path.insert(0, folder)
    request = Message(capabilities={}, function_app_directory=folder)
    init = Message(
        request=Message(worker_init_request=request),
        properties={"host": "127.0.0.1", "protos": Protos()},
    )
    answer = await worker.worker_init_request(init)
    if answer.result.status != StatusResult.Success:
        return {"error": str(answer.result.exception)}
    metadata = await worker.functions_metadata_request(init)
    functions = metadata.function_metadata_results or []
    return {
        "functions": {
            function.name: sorted(json.loads(text)["type"] for text in function.raw_bindings)
            for function in functions
        }
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(index(sys.argv[1]))))

"""
Record histories and documents of the present version: `python -m tests.upgrade.record`, in .venv.

Run it once when `defaultVersion` was raised, or when an orchestrator or a document was added. What is kept
already is not touched: an old history that no longer fits is what the guard is for.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

import function_app
from devhost.replay import find_drift
from devhost.testing import VirtualHost
from shared.core.documents import Document, Value
from tests.upgrade import kept
from tests.upgrade.cases import CASES, DOCUMENTS
from tests.upgrade.kept import History

GENERATIONS_MAX = 3
"""Of each orchestrator and case: the first two and the last one."""

Episode = tuple[str, dict[str, Any], dict[str, Any]]


class Recording:
    """A pytest plugin: keeps what the hosts of the tests went through, and the documents they wrote."""

    def __init__(self) -> None:
        self.episodes: defaultdict[str, list[Episode]] = defaultdict(list)
        self.documents: dict[str, Document] = {}
        self._test = ""

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Remember which test runs."""
        self._test = item.nodeid.removeprefix("tests/orchestrators/")

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Give every host the present version; look at it when it is closed, and at every value."""
        begin, close, to_json = VirtualHost.__init__, VirtualHost.close, Value.to_json
        make, validate = Value.__init__, Value.model_validate

        def begin_as_now(host: VirtualHost, *args: Any, **more: Any) -> None:
            begin(host, *args, **{"default_version": kept.VERSION, **more})

        def close_and_keep(host: VirtualHost) -> None:
            self.episodes[self._test] += host._workers.recorder._last.values()
            close(host)

        def to_json_and_keep(value: Value) -> dict[str, Any]:
            self._keep(value)
            return to_json(value)

        def make_and_keep(value: Value, /, **fields: Any) -> None:
            make(value, **fields)
            self._keep(value)

        def validate_and_keep(kind: type[Value], data: Any, **more: Any) -> Value:
            value = validate.__func__(kind, data, **more)
            self._keep(value)
            return value

        patch.setattr(Value, "__init__", make_and_keep)
        patch.setattr(Value, "model_validate", classmethod(validate_and_keep))
        patch.setattr(VirtualHost, "__init__", begin_as_now)
        patch.setattr(VirtualHost, "close", close_and_keep)
        patch.setattr(Value, "to_json", to_json_and_keep)

    def _keep(self, value: object) -> None:
        """Keep the fullest document of each class, those inside of others too."""
        if isinstance(value, Document):
            known = self.documents.get(type(value).__name__)
            if known is None or _fullness(value) > _fullness(known):
                self.documents[type(value).__name__] = value
        if isinstance(value, Value):
            for name in type(value).model_fields:
                self._keep(getattr(value, name))
        elif isinstance(value, tuple):
            for item in value:
                self._keep(item)


def _fullness(document: Document) -> int:
    return sum(bool(getattr(document, name)) for name in type(document).model_fields)


def histories_of(recording: Recording, orchestrator: str, case: str) -> list[History]:
    """Return what was recorded for a case, bounded, each of them replayed once with today's code."""
    test = CASES[orchestrator][case]
    found = [
        one for name, some in recording.episodes.items() if name.partition("[")[0] == test for one in some
    ]
    histories = [
        History(orchestrator=orchestrator, case=case, payload=payload, answer=answer)
        for name, payload, answer in found
        if name == orchestrator
    ]
    if len(histories) > GENERATIONS_MAX:
        histories = [*histories[: GENERATIONS_MAX - 1], histories[-1]]
    with VirtualHost(function_app.app) as host:
        run = host._workers.app.run_orchestrator
        for one in histories:
            drift = asyncio.run(find_drift(run, orchestrator, one.payload, one.answer))
            if drift or one.version != kept.VERSION:
                raise SystemExit(f"{orchestrator}-{case} cannot be kept: {drift or one.version}")
    return histories


def main() -> int:
    """Run the tests of CASES, and write what is not kept yet."""
    recording = Recording()
    chosen = {test for cases in CASES.values() for test in cases.values()} | DOCUMENTS
    tests = sorted(f"tests/orchestrators/{test}" for test in chosen)
    with pytest.MonkeyPatch.context() as patch:
        recording.install(patch)
        code = pytest.main(["-q", "-p", "no:xdist", "-p", "no:cacheprovider", *tests], plugins=[recording])
    if code != pytest.ExitCode.OK:
        return int(code)
    folder = kept.HISTORIES / kept.folder(kept.VERSION)
    for orchestrator, cases in CASES.items():
        for case in cases:
            path = folder / f"{orchestrator}-{case}.json.gz"
            histories = histories_of(recording, orchestrator, case)
            if not histories:
                raise SystemExit(f"{cases[case]} runs no {orchestrator}")
            _write_new(path, lambda path=path, histories=histories: kept.write(path, histories))
    for name, document in sorted(recording.documents.items()):
        path = kept.DOCUMENTS / f"{name}.json"
        _write_new(path, lambda path=path, document=document: path.write_bytes(document.to_bytes()))
    return 0


def _write_new(path: Any, write: Callable[[], object]) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write()
        print(path.relative_to(kept.ROOT))


if __name__ == "__main__":
    sys.exit(main())

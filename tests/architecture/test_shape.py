"""Sizes, banned calls and other rules that a reader relies on."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APP = (
    "shared",
    "backup_timer",
    "backup_http",
    "restore_http",
    "poll_status",
    "replicate_event",
    "change_event",
    "operate_http",
    "run_control",
    "usage_timer",
    "drill_timer",
    "catalog_keeping",
)
TOOLS = ("simulator", "devhost", "demo", "tools", "deploy")
FILE_LINES_MAX = 320
FUNCTION_LINES_MAX = 60
NONDETERMINISTIC = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"} | set(
    ["uuid4", "uuid1", "random", "sleep", "getenv", "environ", "open"]
)


def modules(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """Yield every module of the folders, parsed."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function, nested ones included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def names_used(tree: ast.AST) -> set[str]:
    """Return every name that is read, and attributes both alone and with the name they hang on."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = (
                node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            )
            names |= {node.attr, f"{owner}.{node.attr}"}
    return names


def test_files_and_functions_fit_on_a_screen() -> None:
    """A file has one job and a function fits on a screen."""
    long = [
        f"{path}: {len((ROOT / path).read_text().splitlines())} lines"
        for path, _ in modules(*APP, *TOOLS)
        if len((ROOT / path).read_text().splitlines()) > FILE_LINES_MAX
    ]
    long += [
        f"{path}:{node.lineno} {node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for path, tree in modules(*APP, *TOOLS)
        for node in functions(tree)
        if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
    ]

    assert long == []


def test_orchestrators_ask_nothing_that_changes_between_replays() -> None:
    """No clock, randomness, environment or file in what Durable replays."""
    plans = [(path, tree) for path, tree in modules(*APP) if path.name == "orchestrator.py"]
    plans += [(path, tree) for path, tree in modules("shared") if path.name in {"operation.py", "steps.py"}]

    found = {str(path): sorted(names_used(tree) & NONDETERMINISTIC) for path, tree in plans}

    assert len(plans) == 11
    assert {path: names for path, names in found.items() if names} == {}


def test_only_settings_reads_the_environment() -> None:
    """Every other module is handed what it needs."""
    readers = [str(path) for path, tree in modules(*APP) if {"environ", "getenv"} & names_used(tree)]

    assert readers == ["shared/settings.py"]


def starts_threads(tree: ast.AST) -> set[str]:
    """Return the names in a module, imports included, by which threads are started."""
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        for one in node.names
        for name in (one.name, one.name.rpartition(".")[-1], f"{getattr(node, 'module', '')}.{one.name}")
    }
    ways = {"ThreadPoolExecutor", "to_thread", "run_in_executor", "threading.Thread", "threading.Timer"}
    return ways & (names_used(tree) | imported)


def test_threads_are_started_in_one_place() -> None:
    """Any other thread would log lines that the host drops; see shared/threads.py."""
    found = [str(path) for path, tree in modules(*APP) if starts_threads(tree)]

    assert found == ["shared/threads.py"]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("drill_timer/planning.py", "from concurrent.futures import ThreadPoolExecutor"),
        ("shared/roster.py", "from concurrent.futures import ThreadPoolExecutor as Pool"),
        ("replicate_event/finding.py", "import concurrent.futures as f; f.ThreadPoolExecutor()"),
        ("change_event/receive.py", "async def wait(): await asyncio.to_thread(print)"),
        ("shared/adapters/pace.py", "threading.Thread(target=print).start()"),
        ("shared/adapters/pace.py", "from threading import Thread"),
        ("shared/nights.py", "loop.run_in_executor(None, print)"),
    ],
)
def test_a_planted_thread_is_seen(file: str, line: str) -> None:
    """In each of the ways to write it."""
    text = (ROOT / file).read_text()

    assert not starts_threads(ast.parse(text))
    assert starts_threads(ast.parse(f"{text}\n{line}\n"))


def test_durable_retries_and_call_http_are_not_used() -> None:
    """Both have faults that hang or leak; see docs/azure-facts.md, "Functions and Durable"."""
    banned = {"call_http", "call_activity_with_retry", "call_sub_orchestrator_with_retry"}

    assert [str(path) for path, tree in modules(*APP) if banned & names_used(tree)] == []


@pytest.mark.parametrize("folder", [*APP, *TOOLS])
def test_every_module_says_what_lives_in_it(folder: str) -> None:
    """The first line of a file says which job it has."""
    silent = [str(path) for path, tree in modules(folder) if tree.body and not ast.get_docstring(tree)]

    assert silent == []


def test_public_functions_are_described() -> None:
    """Every public function and class of the app outside the seams has a docstring."""
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in modules(*APP)
        if path.name != "functions.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not _is_nested_or_stub(node, tree)
    ]

    assert silent == []


def _is_nested_or_stub(node: ast.AST, tree: ast.Module) -> bool:
    """Tell whether a definition is inside a function, or one of a Protocol's bare signatures."""
    inside = any(node in ast.walk(other) and node is not other for other in functions(tree))
    body = getattr(node, "body", [])
    is_stub = len(body) == 1 and isinstance(body[0], ast.Expr) and getattr(body[0].value, "value", 0) is ...
    return inside or is_stub

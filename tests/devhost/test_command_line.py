"""The command line: what a developer is told when it starts, ends, or cannot start."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SAMPLE_APP = pathlib.Path(__file__).parent / "sample_app"

BROKEN_APP = """
import azure.functions as func
import azure.durable_functions as df

app = df.DFApp()

@app.timer_trigger(arg_name="timer", schedule="0 0 25 * * *")
def nightly(timer: func.TimerRequest) -> None: ...

@app.timer_trigger(arg_name="timer", schedule="%NO_SUCH_SETTING%")
def hourly(timer: func.TimerRequest) -> None: ...

@app.activity_trigger(input_name="data")
def generic(data: dict[str, str]) -> None: ...

@app.activity_trigger(input_name="dta")
def misspelt(data: dict) -> None: ...

@app.orchestration_trigger(context_name="ctx")
def plan(ctx): ...

@app.queue_trigger(arg_name="message", queue_name="q", connection="NO_SUCH_CONNECTION")
def listen(message: func.QueueMessage) -> None: ...

@app.queue_trigger(arg_name="message", queue_name="q", connection="BAD_CONNECTION")
def overhear(message: func.QueueMessage) -> None: ...

@app.event_grid_trigger(arg_name="event")
def grid(event: func.EventGridEvent) -> None: ...
"""


def run(*arguments, **settings):
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "devhost", *arguments],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def run_sample(state, *arguments):
    """Run the sample app on a state file that it cannot have."""
    settings = {
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "SAMPLE_SCHEDULE": "0 0 2 * * *",
        "SAMPLE_QUEUE": "q",
    }
    command = ("start", "--app", str(SAMPLE_APP), "--port", "0", "--state", str(state), *arguments)
    return run(*command, **settings)


def write_app(folder, code):
    (folder / "function_app.py").write_text(code)
    return ("start", "--app", str(folder), "--port", "0", "--state", str(folder / "s.sqlite"))


def test_every_fault_of_an_app_is_named_at_once(tmp_path):
    """Exit code 1, and one line for each fault that indexing can see."""
    done = run(*write_app(tmp_path, BROKEN_APP), BAD_CONNECTION="s3cret")

    assert done.returncode == 1
    for fault in (
        "nightly: schedule: '25' is no hour (0 to 23)",
        "hourly: schedule: '%NO_SUCH_SETTING%' does not resolve to a value",
        "generic: the parameter 'data' has an invalid non-type annotation",
        "misspelt: the binding 'dta' is no parameter of the function",
        "misspelt: the parameter 'data' has no binding",
        "plan: the binding 'ctx' is no parameter of the function",
        "listen: the setting 'NO_SUCH_CONNECTION' (a connection string) is missing",
        "overhear: the setting 'BAD_CONNECTION' is no connection string of a storage account",
        "grid: the devhost has no 'eventGridTrigger' binding",
    ):
        assert f"- {fault}" in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr


def test_an_import_error_names_the_line_of_the_app(tmp_path):
    """The exception and the app's own frames, no traceback."""
    (tmp_path / "part.py").write_text("import no_such_module\n")
    done = run(*write_app(tmp_path, "import part\n"))

    assert done.returncode == 1
    assert "ModuleNotFoundError: No module named 'no_such_module'" in done.stderr
    assert "part.py:1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("", "no app object"),
        ("import azure.functions as f\na, b = f.FunctionApp(), f.FunctionApp()\n", "2 app objects"),
    ],
)
def test_exactly_one_app_object_is_needed(tmp_path, code, message):
    """None or two at the top level: the real worker finds no functions either."""
    done = run(*write_app(tmp_path, code))

    assert (done.returncode, message in done.stderr) == (1, True)


def test_a_folder_without_an_app_is_named(tmp_path):
    """The folder is in the message."""
    done = run("start", "--app", str(tmp_path), "--port", "0")

    assert (done.returncode, f"there is no function_app.py in {tmp_path}" in done.stderr) == (1, True)


def test_ctrl_c_ends_cleanly(start_devhost):
    """Exit code 0, a last line that says where the state is, no traceback, no ready file."""
    host = start_devhost()

    assert host.interrupt() == 0
    assert f"ended; the state is kept in {host.state}" in host.lines[-1]
    assert "Traceback" not in "\n".join(host.lines)
    assert not (host.state.parent / "ready.json").exists()


def test_a_state_file_serves_one_host_at_a_time(start_devhost):
    """A second host on the same file is refused with a sentence, and the first is not disturbed."""
    host = start_devhost()
    done = run_sample(host.state)

    assert done.returncode == 1
    assert "cannot be opened" in done.stderr
    assert host.call("GET", "/api/hello/x").status == 200


def test_a_state_file_belongs_to_its_task_hub(start_devhost):
    """Another task hub on the same file is refused by name."""
    host = start_devhost("--task-hub", "one")
    host.interrupt()
    done = run_sample(host.state, "--task-hub", "two")

    assert done.returncode == 1
    assert "belongs to task hub 'one', not 'two'" in done.stderr


def test_a_port_in_use_is_named(start_devhost):
    """The message says which port and what to do."""
    port = start_devhost().url.rsplit(":", 1)[1]
    done = run("start", "--app", str(SAMPLE_APP), "--port", port)

    assert (done.returncode, f"port {port} on 127.0.0.1 cannot be used" in done.stderr) == (1, True)


def test_a_settings_file_fills_the_environment_but_does_not_override_it(tmp_path):
    """Values come from the file unless they are set already; a fault in one shows which was used."""
    values = {"Values": {"FROM_FILE": "0 0 25 * * *", "FROM_BOTH": "0 0 26 * * *"}}
    (tmp_path / "local.settings.json").write_text(json.dumps(values))
    code = "import azure.functions as f\napp = f.FunctionApp()\n"
    for name in ("FROM_FILE", "FROM_BOTH"):
        code += f"@app.timer_trigger(arg_name='t', schedule='%{name}%')\ndef {name}(t: f.TimerRequest): ...\n"
    done = run(*write_app(tmp_path, code), FROM_BOTH="0 0 27 * * *")

    assert "FROM_FILE: schedule: '25' is no hour" in done.stderr
    assert "FROM_BOTH: schedule: '27' is no hour" in done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "is no JSON"), ('{"Values": {"A": 1}}', "these are not: A"), (None, "cannot be read")],
)
def test_a_settings_file_that_cannot_be_used_is_named(tmp_path, content, message):
    """The path and what is wrong with it."""
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_text(content)
    done = run(*write_app(tmp_path, ""), "--settings", str(path))

    assert (done.returncode, message in done.stderr, str(path) in done.stderr) == (1, True, True)


def test_a_wrong_value_in_host_json_is_named(tmp_path):
    """The file and the value."""
    (tmp_path / "host.json").write_text('{"extensions": {"queues": {"visibilityTimeout": "soon"}}}')
    done = run(*write_app(tmp_path, "import azure.functions as f\napp = f.FunctionApp()\n"))

    assert (done.returncode, "'soon' is no time span" in done.stderr) == (1, True)


def test_the_help_names_both_commands():
    """`python -m devhost --help` is where a newcomer begins."""
    done = run("--help")

    assert (done.returncode, "start" in done.stdout, "relay" in done.stdout) == (0, True, True)

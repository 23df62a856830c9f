"""The functions of docs/runbooks/shell.sh when an app does not answer; and that no block is left out."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.world.calls import Answer
from tests.world.conftest import MakeWorld
from tests.world.operators import AtShell
from tests.world.runbooks import Block, Operator

PAGE = Answer(503, {"Content-Type": "text/html"}, "<html>503</html>")
BUSY = Answer(429, {}, '{"error": {"code": "Throttled", "message": "later"}}')
AT_WORK = Answer(202, {}, "{}")
STATE = '"$WESTEUROPE_APP/api/services/contoso"'
FOLLOW = Block(f"KEY=$WESTEUROPE_KEY; follow {STATE} service", None)
SHOW = Block(f'KEY=$WESTEUROPE_KEY; curl -sS -H "x-functions-key: $KEY" {STATE} | show service', None)
WAIT = Block('KEY=$WESTEUROPE_KEY; wait_for "$WESTEUROPE_APP" contoso contoso-weu', None)


@pytest.fixture
def operator(make_world: MakeWorld, at_shell: AtShell) -> Operator:
    """Somebody at a prepared shell, with the app of one region."""
    return at_shell({"westeurope": make_world()})


def test_a_restart_in_the_middle_does_not_end_the_wait(operator: Operator) -> None:
    """A page of a proxy, a call that is cut off, too many calls: the last answer is the one that is shown."""
    operator.instead = [AT_WORK, PAGE, None, BUSY, AT_WORK, None]

    assert operator.do(FOLLOW) == "status: 200\nservice: contoso\n"


@pytest.mark.parametrize(
    ("instead", "said"),
    [(PAGE, "status: 503"), (None, "status: 000"), (BUSY, "status: 429")],
    ids=["page", "cut", "busy"],
)
def test_the_wait_has_an_end(operator: Operator, instead: Answer | None, said: str) -> None:
    """After twenty minutes without an answer somebody has to look."""
    operator.instead = [instead] * 20

    try:
        shown = operator.do(FOLLOW)
    except AssertionError as failed:
        shown = str(failed)

    assert said in shown
    assert operator.instead == []


def complaint(operator: Operator, block: Block) -> str:
    """Return the first line of what goes wrong in a block; the others quote the commands."""
    with pytest.raises(AssertionError) as failed:
        operator.do(block)
    return str(failed.value).partition("went wrong: ")[2].partition("\n")[0]


def test_a_page_of_a_proxy_is_not_blamed_on_the_key(operator: Operator) -> None:
    """Somebody who looks for another key at night loses the time in which the app starts."""
    operator.instead = [PAGE]

    said = complaint(operator, SHOW)

    assert "it is starting, or a proxy answered. Ask again in a minute" in said
    assert "KEY" not in said


def test_an_empty_answer_is_blamed_on_the_key(operator: Operator) -> None:
    """The Functions host refuses a key with 401 and nothing else."""
    operator.instead = [Answer(401, {}, "")]

    assert "$KEY is not the key of the app that you called" in complaint(operator, SHOW)


def test_the_app_is_waited_for(operator: Operator) -> None:
    """Neither a page of a proxy nor a refusal is taken for the app."""
    operator.instead = [PAGE, None, BUSY]

    assert operator.do(WAIT) == "contoso is contoso-weu\n"


def test_an_app_that_has_another_plan_is_not_waited_for_without_end(operator: Operator) -> None:
    """It answers, and still calls the old primary the service."""
    block = Block(WAIT.commands.replace("contoso-weu", "contoso-neu"), None)

    assert "does not answer, or does not call contoso-neu the service contoso" in complaint(operator, block)


def test_a_block_that_is_left_out_is_noticed(operator: Operator) -> None:
    """A journey that does only the first block of its page proves nothing."""
    with pytest.raises(AssertionError, match="never run"), operator.through("restore.md") as blocks:
        assert len(blocks) > 1


def test_an_app_that_restarts_does_not_answer_for_a_while(operator: Operator) -> None:
    """Else a page that calls it at once would pass."""
    operator.azure["az functionapp restart --name func-contoso-weu"] = ""
    operator.do(Block("az functionapp restart --name func-contoso-weu", None))

    assert "it is starting" in complaint(operator, SHOW)
    operator.let_pass(dt.timedelta(seconds=90))
    assert operator.do(SHOW) == "service: contoso\n"

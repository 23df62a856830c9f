"""The shell of the runbooks refuses what a page has wrong: else its tests would prove nothing."""

from __future__ import annotations

import pytest

from tests.world.conftest import MakeWorld
from tests.world.curl import Curl, UnknownOptionError
from tests.world.operators import AtShell
from tests.world.runbooks import Block, Operator, is_as_shown


@pytest.fixture
def operator(make_world: MakeWorld, at_shell: AtShell) -> Operator:
    """Somebody at a prepared shell, with the app of one region."""
    return at_shell({"westeurope": make_world()})


@pytest.mark.parametrize(
    ("said", "page_shows", "is_so"),
    [
        ("status: 200\nword: Succeeded\n", "status: 200\nword: Succeeded", True),
        ("runId: 1-restore-contoso-2", "runId: …-restore-contoso-…", True),
        ("word: Failed", "word: Succeeded", False),
        ("word: Succeeded\nmore", "word: Succeeded", False),
        ("anything", "", False),
    ],
)
def test_an_answer_is_compared_with_what_the_page_shows(said: str, page_shows: str, is_so: bool) -> None:
    """Three dots stand for anything, and nothing else does."""
    assert is_as_shown(said, page_shows) is is_so


@pytest.mark.parametrize(
    ("commands", "wrong"),
    [
        ("az group delete --name rg-contoso-weu", "the stand-in does not know: az group delete"),
        ("false; true", "ended with 1: false"),
        ('echo "$NOBODY_KNOWS" | show state', "no answer of the app"),
        ('curl -sS --insecure "$WESTEUROPE_APP/api/services"', "does not know --insecure"),
        ('curl -sS "https://elsewhere.example"', "curl: (28)"),
        (
            "curl -sS -H 'x-functions-key: of another' \"$WESTEUROPE_APP/api/services\" | show value",
            "no answer",
        ),
    ],
    ids=["az", "false", "empty", "option", "host", "key"],
)
def test_whatever_goes_wrong_in_a_block_is_noticed(operator: Operator, commands: str, wrong: str) -> None:
    """Also in the middle of it, where the last command is well."""
    with pytest.raises(AssertionError) as failed:
        operator.do(Block(commands, None))

    assert wrong in str(failed.value)


def test_variables_stay_from_one_block_to_the_next(operator: Operator) -> None:
    """As in a shell that somebody types into."""
    operator.do(Block("POINT=one", None))

    assert operator.do(Block('echo "$POINT"', "one")) == "one\n"


def test_an_option_of_curl_that_nobody_knows_is_refused() -> None:
    """The stand-in must not pretend."""
    with pytest.raises(UnknownOptionError):
        Curl.read(["--retry", "3", "https://dr.example"])

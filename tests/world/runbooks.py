"""Pages of commands, run as somebody would who has never seen them: block after block, each compared."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tests.world.app import World
from tests.world.apps import SHORT, AzureLine, key_of, plan_of, shown, system_key_of
from tests.world.calls import Answer, call, call_azure
from tests.world.curl import Curl, UnknownOptionError
from tests.world.shell import Reply, Shell

DOCS = Path(__file__).parents[2] / "docs"
PAGES = DOCS / "runbooks"
STATUS_PATH = "/status-0123456789abcdef"
TIMED_OUT = "curl: (28) Connection timed out after 10001 milliseconds"
TIMERS_EVERY = dt.timedelta(minutes=10)
_FENCED = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.M | re.S)
_NOTED = re.compile(r"^ended with \d+: .*\n", re.M)
_DOTS = re.compile(r"^\.+\n", re.M)
"""What `follow` writes while it waits."""
_RESTARTS = re.compile(
    r"^(?:az functionapp (?:config appsettings set|restart)|azd (?:provision|deploy)) .*contoso-(\w+)"
)
_STARTING_FOR = dt.timedelta(seconds=90)
_STARTING = Answer(503, {"Content-Type": "text/html"}, "<html><h1>503 Service Unavailable</h1></html>")


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Commands of a page, and what the page shows of their answer; None if it shows nothing."""

    commands: str
    shown: str | None


def blocks_of(page: Path, *, only: str = "", but: tuple[str, ...] = ()) -> list[Block]:
    """
    Return the blocks of a page in their order; a `text` right after a `bash` is its answer.

    Args:
        page: a file.
        only: the heading of the one section that is wanted; empty: all of them.
        but: the headings of sections that are not wanted.
    """
    sections = re.split(r"^(?=## )", page.read_text(encoding="utf-8"), flags=re.M)
    titles = [section.partition("\n")[0].removeprefix("## ") for section in sections]
    assert {only, *but} - {""} <= set(titles), f"{page.name} has the sections {titles}"
    wanted = (
        section
        for title, section in zip(titles, sections, strict=True)
        if title not in but and only in ("", title)
    )
    return [block for section in wanted for block in _blocks(section)]


def _blocks(content: str) -> list[Block]:
    made: list[Block] = []
    for match, after in itertools.pairwise([*_FENCED.finditer(content), None]):
        if match is None or match[2] != "bash":
            continue
        is_answer = after and after[2] == "text" and not content[match.end() : after.start()].strip()
        answer = textwrap.dedent(after[3]) if after and is_answer else None
        made.append(Block(textwrap.dedent(match[3]), answer))
    return made


def is_as_shown(said: str, page_shows: str) -> bool:
    """Tell whether an answer is what a page shows, three dots standing for anything."""
    parts = (re.escape(part) for part in page_shows.strip("\n").split("…"))
    return re.fullmatch(".*?".join(parts), said.strip("\n"), re.S) is not None


class Operator:
    """
    Somebody at a shell, with the apps of all regions, and with an azure-cli that knows certain lines.

    Args:
        folder: empty; the shell works in it.
        apps: of each region, by its name; one that is changed later is asked as it is then.
        azure: what `az`, `azd`, `dig` and `git` say, by the whole line with every variable filled in.
        gateways: what the status path answers with, by host name; others are not reached.
    """

    def __init__(
        self, folder: Path, apps: dict[str, World], azure: dict[str, AzureLine], gateways: dict[str, int]
    ) -> None:
        self.apps = apps
        self.azure = azure
        self.gateways = gateways
        self.keys = {region: key_of(region) for region in SHORT}
        self._asked = next(iter(apps))
        self._since_timers = dt.timedelta()
        self._passed = dt.timedelta()
        self._starting: dict[str, dt.timedelta] = {}
        """Until when the app of a region starts, in the time that has passed here."""
        self.instead: list[Answer | None] = []
        """What comes in place of the app's next answers, one for each call; None: no answer."""
        self._done: list[Block] = []
        others = {name: self._other(name) for name in ("az", "azd", "dig", "git")}
        self._shell = Shell(folder, {"curl": self._curl, "sleep": self._sleep, **others})
        self.folder = folder / "work"
        """Where the shell works, as in a clone."""
        (self.folder / "docs").symlink_to(DOCS)
        (self.folder / "infra").mkdir()

    def close(self) -> None:
        """End the shell."""
        self._shell.close()

    def keep_plan(self) -> None:
        """Put the plan of the first app into the folder, as a clone has it."""
        plan = json.dumps(plan_of(next(iter(self.apps.values()))))
        (self.folder / "infra" / "plan.json").write_text(plan)

    def prepare(self) -> None:
        """Make the shell ready for the apps that there are, as docs/runbooks/README.md says."""
        functions, *regions, look = blocks_of(PAGES / "README.md")
        self.do(functions)
        for region, block in zip(SHORT, regions, strict=True):
            if region in self.apps:
                self.do(block)
        if len(self.apps) == len(SHORT):
            self.do(look)

    @contextlib.contextmanager
    def through(self, page: str, *, only: str = "", but: tuple[str, ...] = ()) -> Iterator[list[Block]]:
        """Lend the blocks of a runbook, as `blocks_of` does; fail at the end if one of them was not run."""
        blocks = blocks_of(PAGES / page, only=only, but=but)
        yield blocks
        left = [block.commands for block in blocks if block not in self._done]
        assert left == [], f"never run: {left}"

    def do(self, block: Block) -> str:
        """Run a block; fail if anything in it goes wrong, or if the answer is not what the page shows."""
        self._done.append(block)
        said, wrong = self._shell.run(block.commands)
        wrong = _DOTS.sub("", wrong)
        if f"{TIMED_OUT}\n" == _NOTED.sub("", wrong) and "curl: (28)" in (block.shown or ""):
            said, wrong = wrong.splitlines()[0] + "\n" + said, ""
        assert wrong == "", f"{block.commands}\nsaid: {said}\nwent wrong: {wrong}"
        if block.shown is not None:
            assert is_as_shown(said, block.shown), f"{block.commands}\nsaid:\n{said}\nshown:\n{block.shown}"
        return said

    def _curl(self, words: list[str], folder: Path) -> Reply:
        try:
            asked = Curl.read(words)
        except UnknownOptionError as err:
            return Reply(err=f"curl: the stand-in does not know {err}\n", code=2)
        answer = self._answer(asked)
        if answer is None:
            return Reply(out=asked.after(0), err=f"{TIMED_OUT}\n", code=28)
        head = "".join(f"{name}: {text}\r\n" for name, text in answer.headers.items())
        text = f"HTTP/1.1 {answer.status}\r\n{head}\r\n{answer.text}" if asked.is_with_head else answer.text
        if asked.into:
            (folder / asked.into).write_text(text)
            text = ""
        return Reply(out=text + asked.after(answer.status))

    def _answer(self, asked: Curl) -> Answer | None:
        parts = urlsplit(asked.url)
        host = parts.hostname or ""
        region = host.removeprefix("dr-").removesuffix(".example")
        if region in self.apps:
            of_host = parts.path.startswith("/runtime/")
            key = (
                dict(parse_qsl(parts.query)).get("code") if of_host else asked.headers.get("x-functions-key")
            )
            if key != (system_key_of(region) if of_host else self.keys[region]):
                return Answer(401, {}, "")
            if self._passed < self._starting.get(region, dt.timedelta()):
                return _STARTING
            if self.instead:
                return self.instead.pop(0)
            self._asked = region
            return call(self.apps[region], asked.method, asked.url, asked.body)
        if "authorization" in asked.headers:
            return call_azure(
                self._present().azure, asked.method, asked.url, asked.body, asked.headers["authorization"]
            )
        called = asked.leads_to or host
        is_known = called in self.gateways and asked.url.endswith(STATUS_PATH)
        return Answer(self.gateways[called], {}, "") if is_known else None

    def let_pass(self, duration: dt.timedelta) -> None:
        """Let virtual time go by, with the timers that look after runs and standbys in every app."""
        self._passed += duration
        while duration > dt.timedelta():
            step = min(duration, TIMERS_EVERY - self._since_timers)
            self._present().host.run_for(step)
            duration -= step
            self._since_timers += step
            if self._since_timers == TIMERS_EVERY:
                self._since_timers = dt.timedelta()
                for app in self.apps.values():
                    app.take_over()
                    app.fire("watch_runs")
                    app.fire("find_unreplicated")
        self._present().host.settle()

    def _present(self) -> World:
        """Return the app that was asked last, or one that there is, at work."""
        app = self.apps.get(self._asked, next(iter(self.apps.values())))
        app.take_over()
        return app

    def _sleep(self, words: list[str], _folder: Path) -> Reply:
        self.let_pass(dt.timedelta(seconds=int(words[0])))
        return Reply()

    def _other(self, name: str) -> Callable[[list[str], Path], Reply]:
        def run(words: list[str], folder: Path) -> Reply:
            line = shown([name, *words])
            if line not in self.azure:
                return Reply(err=f"the stand-in does not know: {line}\n", code=2)
            if restarts := _RESTARTS.match(line):
                region = next(region for region, short in SHORT.items() if short == restarts[1])
                self._starting[region] = self._passed + _STARTING_FOR
            known = self.azure[line]
            said = known if isinstance(known, str) else known(words, folder)
            return Reply(out=f"{said}\n" if said else "")

        return run

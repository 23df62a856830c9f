"""A line of curl, read: the options that the pages use, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

_SILENT = {"-s", "-S", "-sS"}
_VALUED = {"-X", "-H", "-d", "-m", "-o", "-w", "--connect-to"}


class UnknownOptionError(Exception):
    """The stand-in does not know an option, so it must not pretend to."""


@dataclass(frozen=True, slots=True)
class Curl:
    """What one line asks for."""

    url: str
    method: str
    body: str
    headers: dict[str, str]
    is_with_head: bool
    into: str
    """The file for the answer; empty: the standard output."""
    leads_to: str
    """The host that is called in place of the URL's; empty: that one."""
    _form: str

    @classmethod
    def read(cls, words: list[str]) -> Self:
        """Read the words after `curl`; raise UnknownOptionError."""
        values: dict[str, list[str]] = {option: [] for option in _VALUED}
        urls: list[str] = []
        is_with_head = False
        rest = iter(words)
        for word in rest:
            if word in _VALUED:
                values[word].append(next(rest))
            elif word == "-i":
                is_with_head = True
            elif word.startswith("-") and word not in _SILENT:
                raise UnknownOptionError(word)
            elif word not in _SILENT:
                urls.append(word)
        if len(urls) != 1:
            raise UnknownOptionError(f"{len(urls)} URLs")
        last = {option: given[-1] if given else "" for option, given in values.items()}
        headers = [header.partition(":") for header in values["-H"]]
        return cls(
            url=urls[0],
            method=last["-X"] or ("POST" if last["-d"] else "GET"),
            body=last["-d"],
            headers={name.lower(): text.strip() for name, _, text in headers},
            is_with_head=is_with_head,
            into=last["-o"],
            leads_to=[*last["--connect-to"].split(":"), "", "", ""][2],
            _form=last["-w"],
        )

    def after(self, status: int) -> str:
        """Return what `-w` asks for; a status of 0 is that of no answer."""
        return self._form.replace("%{http_code}", f"{status:03d}").replace("\\n", "\n")

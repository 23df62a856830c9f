"""Reading docs/costs.md: its prices, counts and assumptions, and the arithmetic between them."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping

import docpages

SIZES = (1, 10, 100)

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Page:
    """The page, as numbers and formulas."""

    def __init__(self, content: str) -> None:
        self.constants = {
            name: number(value)
            for title in ("Prices", "Assumptions")
            for name, value in _rows(docpages.section(content, title), 1)
        }
        counts = {name: values for name, *values in _rows(docpages.section(content, "Counts"), 3)}
        self.counts = {name: [number(value) for value in values] for name, values in counts.items()}
        blocks = docpages.fenced(docpages.section(content, "The arithmetic"), "text")
        lines = [line for block in blocks for line in block.splitlines()]
        self.formulas = [
            (name.strip(), text.strip()) for name, _, text in (one.partition("=") for one in lines)
        ]

    def month(self, services: int) -> dict[str, float]:
        """Return every quantity and every sum of a month, by its name, for so many services."""
        column = SIZES.index(services)
        known = {"services": float(services), **self.constants}
        known |= {name: values[column] for name, values in self.counts.items()}
        for name, text in self.formulas:
            known[name] = _value(ast.parse(text, mode="eval").body, known)
        return known


def number(text: str) -> float:
    """Return a number as the page writes it."""
    return float(text.replace(",", "").strip("* "))


def _rows(section: str, columns: int) -> list[tuple[str, ...]]:
    """Return (name, as many cells as asked for) of each row that begins with a name in back-ticks."""
    found = []
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if name := re.fullmatch(r"`([\w.]+)`", cells[0]):
            found.append((name[1], *cells[1 : columns + 1]))
    return found


def _value(node: ast.expr, known: Mapping[str, float]) -> float:
    """
    Return what an expression comes to; counts that the page leaves out are zero.

    Raises:
        KeyError: it names something that the page does not have.
    """
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id=name):
            return known[name]
        case ast.Attribute(value=ast.Name(id=part), attr=name):
            return known.get(f"{part}.{name}", 0)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left, known), _value(right, known))
        case ast.Call(func=ast.Name(id="max"), args=args):
            return max(_value(one, known) for one in args)
    raise ValueError(f"the arithmetic has no {ast.dump(node)}")

"""
Expressions as trees, by Bicep's rules of what binds stronger.

The grammar of tree-sitter-bicep reads `a == b.c` as `(a == b).c`, and `[f(x), y[0]]` as four items. Its
tokens are right, and so are objects, strings, loops and where an array ends; the rest is put together anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bicep
from bicep import Node

LOOSE = {
    *("binary_expression", "ternary_expression", "unary_expression", "member_expression"),
    *(
        "subscript_expression",
        "call_expression",
        "arguments",
        "parenthesized_expression",
        "lambda_expression",
    ),
}
"""Nodes whose shape is not to be trusted."""

BINARY = (
    ("??",),
    ("||",),
    ("&&",),
    ("==", "!=", "=~", "!~"),
    ("<", "<=", ">", ">="),
    ("+", "-"),
    ("*", "/", "%"),
)
"""Operators, from those that bind least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """
    One expression.

    `plain` (object, array, string, number, loop… as `node` says), `name`, `member`, `index`, `call`,
    `ternary`, `binary`, `unary`, or `lambda`.
    """

    kind: str
    node: Node
    word: str = ""
    """The name, the member's name, the operator."""
    parts: tuple[Expression, ...] = ()
    names: tuple[str, ...] = ()
    """A lambda's parameters."""
    is_safe: bool = False
    """Whether `.?` or `[?` was written."""


def parse(node: Node) -> Expression:
    """Read the expression that a node is."""
    return _Reader(list(_tokens(node))).whole()


def items(array: Node) -> list[Expression]:
    """Read the items of an array literal: a comma or the end of a line parts them, outside of parentheses."""
    parts: list[list[Node]] = [[]]
    depth, last_row = 0, -1
    for token in (found for item in array.children[1:-1] for found in _tokens(item)):
        if depth == 0 and (token.type == "," or token.start_point[0] > last_row):
            parts.append([])
        if depth or token.type not in {",", "comment"}:
            parts[-1].append(token)
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.type, 0)
        last_row = token.end_point[0]
    return [_Reader(part).whole() for part in parts if part]


def _tokens(node: Node) -> Iterator[Node]:
    if node.type not in LOOSE:
        yield node
        return
    for item in node.children:
        if item.type != "comment":
            yield from _tokens(item)


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, tokens: list[Node]) -> None:
        self.tokens, self.at = tokens, 0

    def whole(self) -> Expression:
        """Read all tokens as one expression."""
        found = self.expression()
        assert self.at == len(self.tokens), f"line {bicep.line(self.tokens[0])}: not read to its end"
        return found

    def sign(self, ahead: int = 0) -> str:
        """Return what the next token is; the text of a sign, the type of anything else."""
        place = self.at + ahead
        return self.tokens[place].type if place < len(self.tokens) else ""

    def take(self, *signs: str) -> Node | None:
        """Take the next token if it is one of these."""
        if self.sign() not in signs:
            return None
        self.at += 1
        return self.tokens[self.at - 1]

    def expression(self) -> Expression:
        start = self.at
        if (names := self._lambda_head()) is not None:
            return Expression(kind="lambda", node=self.tokens[start], names=names, parts=(self.expression(),))
        condition = self.binary(0)
        if not self.take("?"):
            return condition
        yes = self.expression()
        assert self.take(":"), "a ternary without its second half"
        return Expression(kind="ternary", node=self.tokens[start], parts=(condition, yes, self.expression()))

    def _lambda_head(self) -> tuple[str, ...] | None:
        """Take `x =>` or `(x, y) =>`, if that is what comes next."""
        if self.sign() == "identifier" and self.sign(1) == "=>":
            self.at += 2
            return (bicep.text(self.tokens[self.at - 2]),)
        ahead, names = 1, []
        while self.sign() == "(" and self.sign(ahead) in {"identifier", ","}:
            names.append(bicep.text(self.tokens[self.at + ahead]))
            ahead += 1
        if self.sign() == "(" and self.sign(ahead) == ")" and self.sign(ahead + 1) == "=>":
            self.at += ahead + 2
            return tuple(name for name in names if name != ",")
        return None

    def binary(self, level: int) -> Expression:
        if level == len(BINARY):
            return self.unary()
        left = self.binary(level + 1)
        while (sign := self.take(*BINARY[level])) is not None:
            right = self.binary(level + 1)
            left = Expression(kind="binary", node=left.node, word=sign.type, parts=(left, right))
        return left

    def unary(self) -> Expression:
        if (sign := self.take("!", "-")) is not None:
            return Expression(kind="unary", node=sign, word=sign.type, parts=(self.unary(),))
        return self.postfix(self.primary())

    def primary(self) -> Expression:
        if self.take("("):
            inner = self.expression()
            assert self.take(")"), "a parenthesis that is not closed"
            return inner
        node = self.tokens[self.at]
        self.at += 1
        if node.type == "identifier":
            return Expression(kind="name", node=node, word=bicep.text(node))
        return Expression(kind="plain", node=node)

    def postfix(self, owner: Expression) -> Expression:
        while (sign := self.take(".", ".?", "[", "(", "!") or self._index()) is not None:
            if sign.type in {".", ".?"}:
                word = bicep.text(self.tokens[self.at])
                self.at += 1
                is_safe = sign.type == ".?"
                owner = Expression(kind="member", node=owner.node, word=word, parts=(owner,), is_safe=is_safe)
            elif sign.type == "[":
                is_safe = self.take("?") is not None
                parts = (owner, self.expression())
                assert self.take("]"), "a bracket that is not closed"
                owner = Expression(kind="index", node=owner.node, parts=parts, is_safe=is_safe)
            elif sign.type == "array":
                owner = Expression(kind="index", node=owner.node, parts=(owner, *items(sign)))
            elif sign.type == "(":
                owner = Expression(kind="call", node=owner.node, parts=(owner, *self._arguments()))
        return owner

    def _index(self) -> Node | None:
        """Take `[0]` that follows without a space: in array literals the grammar takes it for an array."""
        if self.sign() == "array" and self.tokens[self.at].start_byte == self.tokens[self.at - 1].end_byte:
            return self.take("array")
        return None

    def _arguments(self) -> Iterator[Expression]:
        while not self.take(")"):
            yield self.expression()
            self.take(",")

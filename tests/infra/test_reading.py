"""The reading of Bicep that all checks stand on: expressions, loops, modules, and what is not known."""

from __future__ import annotations

from pathlib import Path

import bicep
import deploying
import pytest
from bicep_functions import NotWorkedOut, Unknown

HEAD = "param some object = { a: 1, words: ['x', 'y'], inner: { b: 'B' } }\nvar numbers = [1, 2, 3]\n"


def outputs(folder: Path, text: str, **modules: str) -> dict[str, object]:
    """Return what a template tells at its end; modules are files beside it."""
    (folder / "infra").mkdir()
    for name, content in {"top": text, **modules}.items():
        (folder / "infra" / f"{name}.bicep").write_text(content, encoding="utf-8")
    return deploying.deploy(bicep.read(folder), folder / "infra/top.bicep", {}).outputs


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("some.a == 1 && some.inner.b != 'C'", True),
        ("!empty(some.words) || fail('no')", True),
        ("1 + 2 * 3 - numbers[1]", 5),
        ("-numbers[0] < 0 ? some.inner.b : 'no'", "B"),
        ("false ? 1 : true ? 2 : 3", 2),
        ("some.?none.?deeper ?? 'else'", "else"),
        ("some.?words[?7] ?? 'else'", "else"),
        ("some.inner!.b", "B"),
        ("'a-${some.a + 1}-${toLower(some.inner.b)}\\'${true ? 'y' : 'n'}'", "a-2-b'y"),
        ("'''\n as\nwritten'''", " as\nwritten"),
        ("[toLower('X'), some.words[1], concat(numbers, [4])[3]]", ["x", "y", 4]),
        (
            "[\n  toLower('X') // said\n  some.words[0]\n  [numbers[1]]\n  (some.a == 1 ? 5 : 6)\n]",
            ["x", "x", [2], 5],
        ),
        ("[for (word, i) in some.words: '${word}${i}']", ["x0", "y1"]),
        ("map(filter(numbers, n => n > 1 && some.a == 1), n => { n: n })", [{"n": 2}, {"n": 3}]),
        ("toObject(some.words, word => word, word => length(word))", {"x": 1, "y": 1}),
        ("union(some, { a: 2, inner: { c: 'C' } }).inner", {"b": "B", "c": "C"}),
        ("length(uniqueString('a', 'b'))", 13),
        ("length(guid('a')) == 36 && guid('a') != guid('b')", True),
        ("cidrSubnet('10.0.0.0/25', 27, 2)", "10.0.0.64/27"),
        ("resourceGroup('other', 'g').id", "/subscriptions/other/resourceGroups/g"),
        ("subscriptionResourceId('A/b', 'c')", f"{deploying.SUBSCRIPTION}/providers/A/b/c"),
        ("string({ a: [1, true, null] })", '{"a":[1,true,null]}'),
    ],
)
def test_an_expression_comes_to_what_bicep_says(tmp_path, expression, value):
    """By Bicep's rules of what binds stronger, which are not those of the grammar's trees."""
    assert outputs(tmp_path, f"{HEAD}output it object = {expression}\n")["it"] == value


def test_what_only_azure_knows_is_unknown_and_stays_so(tmp_path):
    """A name that is made with it is not known either, but two of them can be told apart."""
    found = outputs(
        tmp_path,
        "resource one 'A/b@2024-01-01' = {\n  name: 'one'\n}\n"
        "resource two 'A/b@2024-01-01' = {\n  name: 'two'\n}\n"
        "output x string = 'id-${one.properties.clientId}'\n"
        "output y bool = guid(one.properties.clientId) == guid(two.properties.clientId)\n",
    )

    assert found == {
        "x": Unknown(f"id-{deploying.SUBSCRIPTION}/providers/A/b/one.properties.clientId"),
        "y": False,
    }


def test_modules_are_deployed_where_they_belong(tmp_path):
    """With their arguments, as often as a loop says, and not where a condition is false."""
    child = (
        "param name string\nresource it 'A/b@2024-01-01' = {\n  name: name\n}\n"
        "resource below 'A/b/c@2024-01-01' = {\n  parent: it\n  name: 'c'\n}\n"
        "resource on 'D/e@2024-01-01' = {\n  scope: it\n  name: 'e'\n}\noutput id string = below.id\n"
    )
    top = (
        "var names = ['x', 'y']\n"
        "module some 'child.bicep' = [for n in names: {\n  name: 'm-${n}'\n"
        "  scope: resourceGroup('s', n)\n  params: { name: n }\n}]\n"
        "module none 'child.bicep' = if (length(names) > 2) {\n  name: 'none'\n  params: { name: 'z' }\n}\n"
        "output ids array = [for (n, i) in names: some[i].outputs.id]\n"
    )
    (tmp_path / "infra").mkdir()
    for name, content in (("top", top), ("child", child)):
        (tmp_path / "infra" / f"{name}.bicep").write_text(content, encoding="utf-8")
    found = deploying.deploy(bicep.read(tmp_path), tmp_path / "infra/top.bicep", {})

    places = [f"/subscriptions/s/resourceGroups/{name}/providers/A/b/{name}" for name in "xy"]
    assert found.outputs["ids"] == [f"{place}/c/c" for place in places]
    assert [item.id for item in found.of("D/e")] == [f"{place}/providers/D/e/e" for place in places]
    assert [module.name for module in found.modules] == ["m-x", "m-y"]


@pytest.mark.parametrize("text", ["output it string = missing\n", "param p string\noutput it string = p\n"])
def test_what_has_no_value_is_not_guessed(tmp_path, text):
    """A name that nothing declares, a parameter that nobody gave."""
    with pytest.raises(NotWorkedOut, match="has no value"):
        outputs(tmp_path, text)

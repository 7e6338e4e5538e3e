"""Texts that are read by means of similar ones have the contents that a parser gives them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.config import similar_yaml
from lockstep.config.similar_yaml import parse_similar
from lockstep.config.yaml_files import parse_yaml
from lockstep.errors import ParamsError
from tests.support.workspaces import REPOSITORY

FILE = Path("params.yaml")
BASE = """\
seed: 0   # a comment with a 'quote'
data: {name: digits, path: "a # b"}
train:
  epochs: 20
  rate: 0.001   # a comment
  steps:        # null
  stages:
  - path: data/raw
    md5: 0da7dc5ae6ac0325a268784ffc599e22
  - plain
"""
VALUES = (
    "1", "-3", "007", "1e3", "1.5", "-0.25", "1_000", "0x1f", "0o7", ".inf", "yes", "true",
    "null", "~", "", "text", "'quoted # no comment'", '"a\\tb"', "[1, 2]", "{a: 1}", "[1,",
    "a: b", "- a", "| ", "> ", "&x 1", "*x", "!!str 5", "%a", "@a", "`a", "a # comment",
    "#no value", "a#b", "2001-01-01", "12345678901234567890123456789012",
    "1234567890123456789012345678901e", "'", "0da7dc5ae6ac0325a268784ffc599e23.dir", "? a",
    "a\\b", "<<", "=", "---", "é", "a\u2028b", "0.5   ",
)  # fmt: skip


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts of other tests aren't known."""
    monkeypatch.setattr(similar_yaml, "_known", {})


def result(parse: Any, text: str) -> Any:
    try:
        return repr(parse(text, FILE))
    except ParamsError as error:
        return str(error)


@pytest.mark.parametrize("line", range(10))
@pytest.mark.parametrize("value", VALUES)
def test_a_line_with_another_value(line: int, value: str) -> None:
    parse_similar(BASE, FILE)
    lines = BASE.split("\n")
    before = lines[line]
    behind = (
        before.rpartition("- ")[0] + "- " if "- " in before else before.partition(":")[0] + ": "
    )
    for begin in (behind, behind.rstrip(" ")):
        text = "\n".join([*lines[:line], begin + value, *lines[line + 1 :]])
        assert result(parse_similar, text) == result(parse_yaml, text)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 9), st.text(st.sampled_from(" :-#'\"[]{}&*!|>%@0123456789aef._\t"), max_size=9)
)
def test_a_line_with_any_characters(line: int, value: str) -> None:
    parse_similar(BASE, FILE)
    lines = BASE.split("\n")
    lines[line] = lines[line].partition(":")[0] + ":" + value
    text = "\n".join(lines)
    assert result(parse_similar, text) == result(parse_yaml, text)


@pytest.mark.parametrize(
    "base",
    ["a: &x 1\nb: *x\n", "a: !!str 5\nb: 1\n", "a: {b: &x 1}\nc: *x\n", "1: a\nb: c\n", "a\n", ""],
)
def test_texts_with_anchors_tags_and_other_keys(base: str) -> None:
    parse_similar(base, FILE)
    for old, new in (("1", "2"), ("5", "6"), ("c", "d"), ("a", "e")):
        text = base.replace(old, new)
        assert result(parse_similar, text) == result(parse_yaml, text)


def test_what_was_read_before_stays_as_it_is() -> None:
    first = parse_similar(BASE, FILE)
    before = repr(first)
    second = parse_similar(BASE.replace("plain", "other").replace("20", "21"), FILE)
    assert repr(first) == before
    assert second["train"]["epochs"] == 21
    assert second["data"] is first["data"]


def test_one_of_many_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (REPOSITORY / "params.yaml").read_text()
    parsed = []
    original = similar_yaml.parse_with_nodes
    monkeypatch.setattr(
        similar_yaml, "parse_with_nodes", lambda *of: (parsed.append(of), original(*of))[1]
    )
    for epochs in range(1, 100):
        found = parse_similar(text.replace("epochs: 20 ", f"epochs: {epochs} "), FILE)
        assert found["train"]["epochs"] == epochs
    assert len(parsed) == 1

"""Text of users can be shown anywhere, on one line."""

import unicodedata
import xml.etree.ElementTree as ElementTree
from html import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sslts._text import clean_lines, clean_text

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)


@given(ANY)
@example("a\x00\x1b[31m\ud800\ufffe")
@example("\u202e\u2028\x85")
def test_any_text_can_be_written_and_parsed(text):
    shown = clean_text(text)
    assert ElementTree.fromstring(f"<a>{escape(shown)}</a>".encode()).text in (shown, None)
    assert {unicodedata.category(one) for one in shown} <= {
        *("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No"),
        *("Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Co", "Cf"),
    }
    assert not set(shown) & set("\n\r\x1b\u202e\u200f")
    assert clean_text(shown) == shown


@given(ANY, st.integers(1, 60))
def test_a_text_is_as_long_as_asked_for(text, longest):
    shown = clean_text(text, longest)
    assert len(shown) <= longest
    assert shown == clean_text(text) or "…" in shown


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=60))
def test_plain_text_is_unchanged(text):
    assert clean_text(text) == text


def test_a_shortened_text_keeps_its_ends():
    assert clean_text(30 * "ab" + "middle" + 30 * "cd", 11) == "ababa…dcdcd"
    assert clean_text(30 * "\u6ce2", 9) == 2 * "\u6ce2" + "…" + 2 * "\u6ce2"  # as wide as two letters each


@pytest.mark.parametrize(
    "text", ["\u6ce2\u5f62", "\u05e9\u05dc\u05d5\u05dd", "\U0001f469\u200d\U0001f52c", "5\xa0\xb5V"]
)
def test_words_of_all_languages_are_kept(text):
    assert clean_text(text) == text


def test_lines_and_indents_are_kept():
    assert clean_lines("A(b=1,\n  c=\x07)") == "A(b=1,\n  c=\\x07)"

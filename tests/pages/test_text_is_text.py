"""Text is text, wherever it stands: as a value or a key of an address, in a box, in a sentence."""

import pytest

from mha_core import Config
from mha_core.config import PAD
from tests.pages.opened import (
    ALL_KEYS,
    JOINER,
    changed,
    config_of,
    data_of,
    opened,
    packed,
    rendered,
    sentences,
)

TEXTS_TO_SHOW = {
    "image": "<img src=x onerror=alert(1)>",
    "script": "</script><script>alert(1)</script>",
    "markdown": "**b** _i_ `c` ~~s~~ [a](http://b.c) # h $x$ :red[r] | a | b |",
    "link": "https://evil.example www.evil.example me@evil.example",
    "icons": ":material/delete: :smile: :streamlit:",
    "arrows": "a -> b -- c <- d >= e <= f",
    "entities": "&lt;b&gt; &amp; &#x41;",
    "braces": "{value} {0} {value!r} %s ${x}",
    "emoji": "🦊 👩\u200d💻 🏳\ufe0f\u200d🌈",
    "right to left": "שלום مرحبا",
    "bidi": "abc\u202edef\u2066ghi\u200f",
    "control": "a\x00b\x07c\x1bd\x7fe\x85f\u2028g\rh\ti",
    "lines": "one\n\n    two\n\n# three\n- four",
    "combining": "e\u0301 \u0301a\u0336b",
    "10,000 words": "word " * 10_000,
}


def as_seen(text: str) -> str:
    """The text with its escapes for what cannot be seen."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


@pytest.mark.parametrize("kind", TEXTS_TO_SHOW)
def test_any_text_as_a_value_of_any_key_is_shown_as_text(kind):
    text = TEXTS_TO_SHOW[kind]
    # any text is a text, and of an unknown key the name is said; long ones eight at a time, since
    # Streamlit ignores an address of more than half a million signs
    keys = [key for key in ALL_KEYS if key not in ("text", "zzz")]
    step = 8 if kind == "10,000 words" else len(keys)
    for start in range(0, len(keys), step):
        asked = keys[start : start + step]
        session = opened({"preset": "tutorial", **dict.fromkeys(asked, text)})
        spoken = sentences(session)  # refuses whatever Markdown would make more of than text
        assert len(spoken) == len(asked)
        assert max(map(len, spoken)) < 600
        for key in asked:
            # in quotes, a backslash and a quote of the value would be doubled; none of the texts has one
            name = {"v": "version", "batch": "batch item"}.get(key, key)
            (mine,) = [each for each in spoken if f"{name} {as_seen(text)[:99]}" in each.replace("'", "")]
            assert mine.endswith(".")
        assert config_of(session) == Config()


@pytest.mark.parametrize("kind", [kind for kind in TEXTS_TO_SHOW if kind != "10,000 words"])
def test_any_text_as_the_text_of_a_link_is_its_words(kind):
    text = TEXTS_TO_SHOW[kind]
    session = opened({"text": text})
    assert config_of(session) == Config(input="words", text=text)
    tokens = [token for token in packed(session)[0]["tokens"] if token != PAD]
    assert tokens == text.splitlines()[0].split()
    assert sentences(session) == []


@pytest.mark.parametrize("kind", TEXTS_TO_SHOW)
def test_any_text_as_a_key_is_shown_as_text(kind):
    text = TEXTS_TO_SHOW[kind]
    session = opened({text: "1"})
    (spoken,) = sentences(session)
    assert spoken.startswith(f"The link names {as_seen(text[:40])}, which this explorer does not know.")


@pytest.mark.parametrize("kind", TEXTS_TO_SHOW)
def test_any_text_typed_is_words_or_a_sentence_and_stays_in_its_box(kind):
    text = TEXTS_TO_SHOW[kind]
    session = opened()
    before = data_of(session)
    changed(session, "text", text)
    assert session.text_area(key="text").value == text
    if kind == "10,000 words":
        assert data_of(session) == before
        assert len(sentences(session)) == 1
    else:
        assert config_of(session).text == text
        assert sentences(session) == []
        assert packed(session)[0]["tokens"] == list(config_of(session).words[0])


# The reader of sentences can refuse.


@pytest.mark.parametrize(
    "markdown",
    [
        "<b>",
        "a *b*",
        r"\:material/delete\:",
        r"https\:\/\/a\.b",
        r"a\@b\.c",
        r"a \-\> b",
        "a\n\nb",
        "a\u202eb",
        "&lt;",
    ],
)
def test_more_than_text_is_found(markdown):
    with pytest.raises(AssertionError, match=r"escaped|becomes|line|signs"):
        rendered(markdown)


def test_plain_text_is_read_as_it_is():
    assert rendered(rf"a \<b\> \:{JOINER}x\: 1\.5") == "a <b> :x: 1.5"

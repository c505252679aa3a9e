"""What every page shares: the way between pages, the settings, the sentences about them."""

import html
import re
import string
from collections.abc import Sequence

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from mha_core import Config, Trace
from mha_core.presets import PRESETS
from mha_core.words import say
from pages.frame import settings
from pages.frame.words import WORDS

# Streamlit's own header holds only its menu: the way between pages moves up into it, so that the first
# picture stands high. The names in [data-testid] are Streamlit's; without them the page is right and only
# lower.
STYLE = """
<style>
[data-testid="stHeader"] { background: transparent; pointer-events: none; position: absolute; }
[data-testid="stHeader"] div { pointer-events: none; }
[data-testid="stHeader"] button, [data-testid="stStatusWidget"] { pointer-events: auto; }
.st-key-frame { gap: .5rem; margin-top: -2.75rem; position: relative; }
.st-key-ways { padding-right: 3rem; min-height: 2.5rem; }
.st-key-settings, .st-key-settings-second { gap: .5rem; }
.st-key-text textarea { field-sizing: content; min-height: 2.5rem; height: auto !important; }
.st-key-ways b { white-space: nowrap; }
.st-key-preset button[data-selected="true"] p { color: CanvasText; }
.sentence { margin: 0; outline-offset: .25rem; }
.skip { position: absolute; left: -999rem; top: 0; padding: .5rem; z-index: 9; }
.skip:focus { left: 0; background: Canvas; }
@media (max-width: 640px) {
  [data-testid="stHeader"] { display: none; }
  .st-key-ways b { display: none; }
  .st-key-ways > :first-child { position: absolute; }
  .st-key-settings-first { gap: .5rem; }
  .st-key-settings-second > * { flex: 1 1 28% !important; min-width: 0 !important; width: auto !important; }
  .st-key-settings-second > .st-key-text { flex-basis: 100% !important; }
  .sentence { font-size: .95rem; }
}
</style>
"""


def frame(pages: Sequence[StreamlitPage]) -> None:
    """Draw what stands above every page, and settle the settings of this run."""
    settled = settings.settle()
    with st.container(key="frame"):
        with st.container(horizontal=True, vertical_alignment="center", key="ways"):
            skip = f'<a class="skip" href="#picture">{WORDS["skip"]}</a>'
            st.html(f"{STYLE}{skip}<b>{WORDS['title']}</b>", width="content")
            for page in pages:
                st.page_link(page, label=page.title, query_params=settings.whole_link())
        settings.strip()
        say_all(settled.sentences)


def say_all(sentences: Sequence[str]) -> None:
    """Show sentences about bad input, as text."""
    for sentence in sentences:
        st.warning(as_text(sentence), icon=":material/info:")


LONGEST = 500
# Streamlit makes links, icons and arrows of these after Markdown was read, backslash or not: an invisible
# joiner (U+2060) keeps their signs apart
OBEYED_ANYWAY = re.compile(r"(?<=:)(?=\S)|(?<=@)|(?<=www)(?=\.)|(?<=[-<>=])(?=[-<>=])", re.IGNORECASE)


def as_text(sentence: str) -> str:
    """Escape what Markdown would obey: a visitor's text is always text.

    What cannot be seen (control characters, changes of direction) is written as its escape; of a very long
    sentence the middle is left out.
    """
    half = LONGEST // 2
    short = sentence if len(sentence) <= LONGEST else f"{sentence[:half]} … {sentence[-half:]}"
    seen = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in short)
    apart = OBEYED_ANYWAY.sub("\u2060", seen)
    return "".join(f"\\{sign}" if sign in string.punctuation else sign for sign in apart)


def say_what(settled: settings.Settled, sentence: str, preset: bool = True) -> None:
    """Show a page's sentence, and after it the preset's, if wanted and the settings are still the preset's.

    It is where the skip link leads, so it can take the focus.
    """
    base = PRESETS[settled.preset]
    said = f"{sentence} {base.sentence}" if preset and settled.config == base.config else sentence
    st.html(f'<p class="sentence" id="picture" tabindex="-1">{html.escape(said)}</p>')


def notes_of(trace: Trace) -> tuple[str, ...]:
    """Return what is worth saying of a run beside its picture: where it ran, and gentle notes."""
    return (*trace.notes, *wholly_hidden(trace.config), *alike(trace.config))


def wholly_hidden(config: Config) -> tuple[str, ...]:
    """Say which batch items have no real token, where the mask hides filling: their weights are NaN."""
    if config.mask not in ("padding", "both") or 0 not in config.item_lengths:
        return ()
    return (say(WORDS["wholly_hidden"], item=config.item_lengths.index(0)),)


def alike(config: Config) -> tuple[str, ...]:
    """Say which two axes have the same size, where mixing them up would not show."""
    pairs = (("sequence_length", "num_heads"), ("sequence_length", "head_dim"), ("num_heads", "head_dim"))
    return tuple(
        say(WORDS["alike"], first=first, second=second, size=getattr(config, first))
        for first, second in pairs
        if getattr(config, first) == getattr(config, second) > 1
    )

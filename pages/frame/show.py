"""What every page shares: the way between pages, the settings, the sentences about them."""

import html
import re
import string
from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from mha_core import Config, Trace
from mha_core.origins import ranges
from mha_core.planted import JOBS, jobs_of
from mha_core.presets import PRESETS
from mha_core.words import listed, say
from pages.frame import drawing, settings, strip
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
.st-key-library { position: absolute; }
.st-key-ways { padding-right: 3rem; min-height: 2.5rem; }
.st-key-settings, .st-key-settings-second { gap: .5rem; }
.st-key-take-inside { width: min(42rem, 86vw); gap: .5rem; }
.st-key-take-address { position: absolute; }
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
  .st-key-settings-second [data-testid="stWidgetLabel"] p { font-size: .78rem; white-space: nowrap; }
  .st-key-plant button { padding-inline: .3rem; }
  .sentence { font-size: .95rem; }
}
</style>
"""


def frame(
    pages: Sequence[StreamlitPage],
    page: StreamlitPage,
    take_away: Callable[[StreamlitPage], None],
) -> None:
    """Draw what stands above every page, and settle the settings of this run.

    Args:
        pages: all pages, in the order of the links to them.
        page: the one that is run.
        take_away: draws what can be taken away of the view.
    """
    settled = settings.settle(page.url_path)
    with st.container(key="frame"):
        with st.container(horizontal=True, vertical_alignment="center", key="ways"):
            skip = f'<a class="skip" href="#picture">{WORDS["skip"]}</a>'
            st.html(f"{STYLE}{skip}<b>{WORDS['title']}</b>", width="content")
            for each in pages:
                st.page_link(each, label=each.title, query_params=settings.whole_link(each.url_path))
        strip.draw(lambda: take_away(page))
        say_all(settled.sentences)
        drawing.library()


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
    return (*trace.notes, *weights_said(trace.config), *wholly_hidden(trace.config), *alike(trace.config))


def weights_said(config: Config) -> tuple[str, ...]:
    """Say what the weights are: freshly initialised, or planted, with every head's job."""
    jobs = jobs_of(config)
    if not jobs:
        return (WORDS["fresh"],)
    named = [say(WORDS["head_job"], head=head, job=JOBS[job].label) for head, job in enumerate(jobs)]
    planted = say(WORDS["planted_heads"], jobs=listed(named))
    blind = not config.positions and any(JOBS[job].by_position for job in jobs)
    return (planted, WORDS["planted_blind"]) if blind else (planted,)


def wholly_hidden(config: Config) -> tuple[str, ...]:
    """Say which batch items have no real token, where the mask hides filling: their weights are NaN."""
    empty = [item for item, length in enumerate(config.item_lengths) if length == 0]
    if config.mask not in ("padding", "both") or not empty:
        return ()
    if len(empty) == 1:
        return (say(WORDS["wholly_hidden"], item=empty[0]),)
    spans = [
        say(WORDS["from_to"], first=first, last=stop - 1) if stop - first > 1 else first
        for first, stop in ranges(empty)
    ]
    return (say(WORDS["wholly_hidden_many"], items=listed(spans)),)


MIXED_UP = {
    "batch_size": "batch",
    "sequence_length": "token",
    "num_heads": "head",
    "head_dim": "head_dim",
    "qkv": "qkv",
    "input_dim": "input_dim",
    "d_model": "d_model",
}
"""The sizes by which axes are told apart, and the axis of each; query and key are always as long as token."""


def alike(config: Config) -> tuple[str, ...]:
    """Say in one sentence which axes have the same size, where mixing them up would not show."""
    groups: dict[int, list[str]] = {}
    for word, axis in MIXED_UP.items():
        groups.setdefault(config.sizes[axis], []).append(word)
    said = [
        say(WORDS["alike_group"], axes=listed(words), size=size)
        for size, words in groups.items()
        if size > 1 and len(words) > 1
    ]
    return (say(WORDS["alike"], groups=listed(said, "parts")),) if said else ()

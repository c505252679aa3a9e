"""The proof strip as a visitor meets it: chips, figures and, once it is opened, what stands behind each."""

import math
import re
from html.parser import HTMLParser

import pytest

from mha_core import Config, run
from mha_core.figures.theme import NEUTRALS, VERDICTS
from mha_core.presets import PRESETS
from mha_core.proofs import CHECKS, code, prove
from pages.frame import cache
from pages.frame.words import WORDS
from tests.core.wrong import FAULTS, faulty
from tests.pages.opened import config_of, opened, rendered, sentences
from tests.test_theme import THEMES, contrast

WALK, LAYOUTS = "", "pages/learn/layouts.py"
SIGNS = {"held": "✓ holds", "broke": "✗ fails", "silent": "– does not apply"}


class Strip(HTMLParser):
    """The chips of a strip by the check they belong to: what they look like, and what they say."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.lead, self.chips, self.looks, self.at = "", {}, {}, ""
        self.feed(body)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "section":
            self.lead = given["aria-label"]
        if tag == "li":
            self.at = given["data-proof"]
            self.looks[self.at], self.chips[self.at] = given["class"], ""

    def handle_data(self, data):
        if self.at:
            self.chips[self.at] += data


def strips(session) -> list[Strip]:
    bodies = [each.proto.body for each in session.get("html")]
    return [Strip(body) for body in bodies if 'class="proofs"' in body]


def strip(session) -> Strip:
    (found,) = strips(session)
    assert list(found.chips) == list(CHECKS)
    for name, look in found.looks.items():  # a sign and a word, never the colour alone
        assert found.chips[name].startswith(f"{SIGNS[look]} {CHECKS[name].label}")
    return found


def short(number: float, digits: int = 2) -> str:
    return f"{number:.{digits}g}".replace("-", "−")


def red(found: Strip) -> set[str]:
    return {name for name, look in found.looks.items() if look == "broke"}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_green_with_the_figures_of_its_run(name):
    session = opened({"preset": name})
    found, config = strip(session), PRESETS[name].config
    assert config_of(session) == config
    for proof in prove(run(config)):
        look = {True: "held", None: "silent"}[proof.passed]
        assert found.looks[proof.name] == look
        if proof.passed:
            figure = CHECKS[proof.name].chip.replace("{figure}", short(proof.figure))
            assert found.chips[proof.name].endswith(f" {figure}")
    off = max(abs(float(row.sum()) - 1) for row in run(config)["weights"].double().flatten(0, 2))
    assert found.chips["rows"] == f"✓ holds rows sum to 1 {short(off)} off"


def test_a_changed_setting_is_checked_anew():
    session = opened({"mask": "causal", "seed": "5"})
    assert strip(session).looks["future"] == "held"
    session.selectbox(key="mask").set_value("none").run()
    assert strip(session).chips["future"] == "– does not apply nothing leaks from the future"


@pytest.mark.parametrize("name", ["mask forgotten", "softmax over queries", "NaN in q"])
def test_a_wrong_pipeline_is_red_and_names_the_cell_and_both_numbers(monkeypatch, name):
    config = Config(mask="causal", num_heads=4, seed=4000 + len(name))  # seen by no other test: runs are kept

    def run_wrongly(config, **given):
        return run(config, **given, pipeline=faulty(name, config))

    monkeypatch.setattr(cache, "run", run_wrongly)
    session = opened({"mask": "causal", "num_heads": "4", "seed": str(config.seed)})
    assert config_of(session) == config
    found = strip(session)
    assert red(found) == FAULTS[name][1]
    wrong = run_wrongly(config)
    for proof in prove(wrong):
        if proof.broke is None:
            continue
        broke = proof.broke
        said = found.chips[proof.name]
        assert f"{broke.name}[{', '.join(map(str, broke.index))}] is " in said
        numbers = re.findall(r"NaN|−?[\d.]+(?:e[+−]\d+)?", said.split("] is ")[1])
        given = [broke.mine] if broke.theirs is None else [broke.mine, broke.theirs]
        assert numbers == ["NaN" if math.isnan(each) else short(each, 3) for each in given]


def test_the_misread_run_is_red_beside_the_one_that_was_written():
    right, misread = strips(opened({"preset": "tutorial", "seed": "3"}, page=LAYOUTS))
    assert (right.lead, misread.lead) == (
        "Checked on the run as it was written",
        "Checked on the run that was read the other way",
    )
    assert red(right) == set()
    assert red(misread) == {"module", "slices"}
    right, misread = strips(opened({"num_heads": "1", "seed": "3"}, page=LAYOUTS))
    assert red(misread) == set(), "with one head both orders are the same"


def opened_fold(session, key):
    session.session_state[key] = True
    session.run()
    assert not session.exception
    return session


def fold(session) -> list[str]:
    """The sentences of the one fold that is open, headings before them, as they are read."""
    texts = [each.value for each in session.markdown]
    first = next(place for place, text in enumerate(texts) if text.startswith("###### "))
    return [rendered(text.removeprefix("###### ")) for text in texts[max(first - 1, 0) :] if "`" not in text]


@pytest.mark.parametrize(("page", "key"), [(WALK, "proofs-run"), (LAYOUTS, "proofs-misread")])
def test_what_stands_behind_the_chips_is_drawn_once_it_is_opened(page, key):
    shown = [code(claim) for check in CHECKS.values() for claim in check.shows]
    session = opened({"preset": "tutorial", "seed": "8"}, page=page)
    assert not {each.value for each in session.code} & set(shown)
    session = opened_fold(session, key)
    assert [each.value for each in session.code] == shown
    texts = fold(session)
    for check in CHECKS.values():
        assert any(check.title in text for text in texts)
        assert check.how in texts
    if page:
        assert any("written as stacked as if they were per_head" in text for text in texts)
    lists = " ".join(each.proto.body for each in session.get("html") if "proofs-said" in each.proto.body)
    assert "so what comes later may matter" in lists
    trace = run(PRESETS["tutorial"].config.but(seed=8))
    assert f"weights: {8 * 4} rows added" in lists
    assert f"out: {trace['out'].numel():,} numbers compared" in lists


def test_16_bits_say_what_their_reference_computes_in():
    session = opened_fold(opened({"dtype": "bfloat16", "seed": "8"}), "proofs-run")
    assert set(strip(session).looks.values()) == {"held", "silent"}
    said = fold(session)
    assert any("References compute in float32" in text for text in said)
    assert any("1 × 0.00781" in text for text in said)


@pytest.mark.parametrize("side", THEMES)
def test_a_verdict_can_be_read_on_its_chip(side):
    for colour in VERDICTS.values():
        assert contrast(colour.of(side), NEUTRALS["chip"].of(side)) >= 4.5
    assert contrast(NEUTRALS["muted"].of(side), NEUTRALS["chip"].of(side)) >= 4.5


def test_the_strip_comes_after_the_picture():
    order = []
    for each in opened().main:
        proto = getattr(each, "proto", None)
        if getattr(proto, "component_name", "") == "attention_run":
            order.append("picture")
        if 'class="proofs"' in getattr(proto, "body", ""):
            order.append("strip")
    assert order == ["picture", "strip"]


def test_two_layouts_that_are_too_large_to_stand_side_by_side_are_proved_all_the_same(monkeypatch):
    monkeypatch.setattr(cache, "readings", lambda config: None)
    session = opened({"preset": "sentence"})
    alone = strip(session).chips
    session.switch_page(LAYOUTS).run()
    assert WORDS["layouts_too_large"] in sentences(session)
    assert strip(session).chips == alone

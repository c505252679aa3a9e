"""Whatever else an address or a box holds becomes a sentence, never a fault, and costs no picture."""

import random

import pytest

from mha_core import Config
from mha_core.config import held_bytes
from mha_core.presets import PRESETS
from pages.frame import cache
from pages.frame import settings as page_settings
from tests.pages.opened import ALL_KEYS, address, changed, config_of, data_of, opened, packed, sentences

TUTORIAL = {"preset": "tutorial"}

LIMITED = [
    ("batch_size", "1", "64"),
    ("sequence_length", "1", "128"),
    ("input_dim", "1", "4096"),
    ("d_model", "1", "4096"),
    ("num_heads", "1", "64"),
    ("seed", "0", "2147483647"),
    ("gain", "0.0", "100.0"),
]


@pytest.mark.parametrize(("key", "low", "high"), LIMITED, ids=[row[0] for row in LIMITED])
@pytest.mark.parametrize("side", ["too small", "too large"])
def test_a_number_outside_its_limits_is_shown_at_the_limit_and_said(key, low, high, side):
    kind = float if key == "gain" else int
    given_value = str(kind(low) - 1 if side == "too small" else kind(high) + 1)
    session = opened({key: given_value, **({"input_dim": "3"} if key == "d_model" else {})})
    nearest = low if side == "too small" else high
    assert sentences(session)[0] == (
        f"{key} {given_value} is outside its limits; it may be {low} to {high}. "
        f"The page shows {key} {nearest}."
    )
    assert str(getattr(config_of(session), key)) == nearest


NO_NUMBERS = ["", " ", "nan", "NaN", "inf", "-", "1.5.2", "0x10", "four", "1e", "1_000", "9" * 30, "⑦"]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_is_said_with_what_would_be_and_the_base_is_shown(text):
    session = opened({key: text for key, _, _ in LIMITED})
    bases = {key: getattr(Config(), key) for key, _, _ in LIMITED}
    assert sentences(session) == [
        f"{key} {text!r} is not a number; it may be {low} to {high}. The page shows {key} {bases[key]}."
        for key, low, high in LIMITED
    ]
    assert config_of(session) == Config()
    assert address(session) == {"v": "1", **TUTORIAL}, "a bad value must not stay in the address"


REFUSED = [
    # key, value, words that the sentence must hold, the settings that are shown
    ("bias", "yes", ["bias 'yes' is neither true nor false", "shows bias true"], {}),
    ("bias", "", ["bias '' is neither true nor false"], {}),
    ("positions", "1", ["positions '1' is neither true nor false"], {}),
    (
        "layout",
        "fused",
        ["layout 'fused' is not a choice", "per_head or stacked", "layout per_head."],
        {},
    ),
    ("mask", "", ["mask '' is not a choice", "none or causal or padding or both", "shows mask none"], {}),
    ("dtype", "float8", ["dtype 'float8' is not a choice", "float32 or float64 or bfloat16 or float16"], {}),
    ("input", "images", ["input 'images' is not a choice", "normal or words", "shows input normal"], {}),
    (
        "weights",
        "learned",
        ["weights 'learned' is not a choice", "initial or planted", "weights initial."],
        {},
    ),
    ("weights", "planted", ["read words, and input is normal", "The page shows weights initial."], {}),
    ("jobs", "sing", ["jobs 'sing' is not a job of a head", "previous, next, first, same, first_occ"], {}),
    ("device", "CPU!", ["device 'CPU!' is no device's name", "cpu always works", "shows device cpu"], {}),
    ("lengths", "a,b", ["lengths 'a,b' must be whole numbers with commas", "such as 5, 3"], {}),
    ("lengths", "-1", ["lengths '-1' must be whole numbers"], {}),
    (
        "lengths",
        "2,3",
        ["names 2 batch items (2, 3)", "batch_size is 1", "lengths 2."],
        {"lengths": (2,)},
    ),
    ("lengths", "9", ["lengths 9 name more tokens than sequence_length 4", "0 to 4"], {"lengths": (4,)}),
    ("num_heads", "7", ["num_heads 7 does not divide d_model 512", "4 or 8 would", "shows num_heads 8"], {}),
    ("text", "", ["The text has no words; write 1 to 128 words", "keeps the last view"], {}),
    ("text", " \n ", ["The text has no words; write 1 to 128 words"], {}),
    ("text", "w " * 129, ["129 words in a line; at most 128 fit"], {}),
    ("text", "w\n" * 65, ["65 lines", "at most 64 fit"], {}),
    ("text", "w" * 65, ["A word of the text has 65 characters; at most 64 fit"], {}),
    ("preset", "mine", ["no preset 'mine'", "sentence, planted, tutorial, class, long"], {}),
    ("preset", "", [], {}),
    ("v", "2", ["version '2'", "reads version 1"], None),
    ("v", "", ["version ''", "reads version 1"], None),
    ("colour", "red", ["The link names colour, which this explorer does not know"], None),
    ("stage", "softmax", ["stage 'softmax' is not one of x, qkv", "weights", "left out"], None),
    ("stage", "", ["stage '' is not one of x, qkv"], None),
    ("paint", "pink", ["paint 'pink' is not one of value, token, head, role"], None),
    ("lens", "left", ["lens 'left' is not a sheet and a column, such as 0.12"], None),
    ("lens", "-1.0", ["lens '-1.0' is not a sheet and a column"], None),
    ("batch", "1", ["no batch item '1'; there are 0 to 0. Item 0 is shown"], None),
    ("batch", "-1", ["no batch item '-1'"], None),
    ("batch", "", ["no batch item ''"], None),
    ("batch", "NaN", ["no batch item 'NaN'"], None),
    ("batch", "²", ["no batch item '²'"], None),
    ("cell", "weights", ["no cell weights", "from weights.0.0.0.0 to weights.0.3.5.5"], None),
    ("cell", "weights.0.4.0.0", ["no cell weights.0.4.0.0", "shape (1, 4, 6, 6)"], None),
    ("cell", "weights.0.0.0.-1", ["no cell weights.0.0.0.-1", "to weights.0.3.5.5"], None),
    ("cell", "weights.0.0.0.0.0", ["no cell weights.0.0.0.0.0", "to weights.0.3.5.5"], None),
    ("cell", "softmax.0.0", ["no cell softmax.0.0", "tensors are x, qkv"], None),
]


@pytest.mark.parametrize(
    ("key", "value", "said", "shown"), REFUSED, ids=[f"{row[0]}={row[1][:12]!r}" for row in REFUSED]
)
def test_a_bad_value_is_said_with_what_was_given_and_what_would_work(key, value, said, shown):
    session = opened({key: value})
    spoken = sentences(session)
    assert len(spoken) == (1 if said else 0)
    for part in said:
        assert part in spoken[0], f"{part!r} is not in {spoken[0]!r}"
    # without a run's setting in the address it is the small sentence, else the tutorial with what is good
    assert config_of(session) == (PRESETS["sentence"].config if shown is None else Config(**shown))


def test_several_bad_values_are_each_said_and_the_good_ones_are_kept():
    session = opened({"seed": "x", "mask": "some", "num_heads": "4", "v": "9", "zzz": "1"})
    assert len(sentences(session)) == 4
    assert config_of(session) == Config(num_heads=4)
    assert address(session) == {"v": "1", **TUTORIAL, "num_heads": "4"}


@pytest.mark.parametrize("key", ["num_heads", "preset", "stage", "text", "v"])
def test_a_key_named_more_than_once_is_said_and_its_last_value_counts(key):
    good = {"num_heads": "4", "preset": "class", "stage": "q", "text": "one two", "v": "1"}[key]
    alone = opened({key: good})
    # the rest of the address is as the page writes it, so that nothing else is a reason to write it anew
    session = opened({**address(alone), key: [good, good]})
    assert sentences(session) == [f"The link names {key} more than once; the last one, {good!r}, counts."]
    assert all(isinstance(value, str) for value in session.query_params.values()), "still repeated"
    assert address(session) == address(alone)
    assert config_of(session) == config_of(alone)


@pytest.mark.parametrize(
    ("page", "silent"),
    [
        pytest.param("", ["text"], id="walkthrough"),  # any text is a text
        pytest.param("pages/learn/layouts.py", ["text", "cell"], id="two layouts"),  # follows no cell
    ],
)
def test_an_address_of_all_keys_at_once_and_all_of_them_bad_still_draws(page, silent):
    session = opened(dict.fromkeys(ALL_KEYS, "?"), page)
    assert len(sentences(session)) == len(ALL_KEYS) - len(silent)
    assert config_of(session) == Config(text="?")


BAD_TEXTS = {
    "empty": "",
    "blank": " \n\t",
    "10,000 words": "word " * 10_000,
    "a long word": "w" * 65,
    "too long in all": f"{('w' * 63 + ' ') * 100}\n" * 2,
}


@pytest.mark.parametrize("kind", BAD_TEXTS)
def test_a_bad_text_keeps_the_last_view_and_stays_where_it_can_be_mended(kind):
    session = opened({"preset": "sentence", "text": "keep this view"})
    before, where = data_of(session), address(session)
    changed(session, "text", BAD_TEXTS[kind])
    assert data_of(session) == before
    assert address(session) == where
    assert session.text_area(key="text").value == BAD_TEXTS[kind]
    (spoken,) = sentences(session)
    assert spoken.endswith("The page keeps the last view.")
    changed(session, "seed", 1)  # something else: the view follows, the box and its sentence stay
    assert config_of(session) == PRESETS["sentence"].config.but(text="keep this view", seed=1)
    assert session.text_area(key="text").value == BAD_TEXTS[kind]
    assert sentences(session) == [spoken]
    changed(session, "text", "all is well")
    assert config_of(session).words == (("all", "is", "well"),)
    assert sentences(session) == []


def test_bad_lengths_typed_keep_the_last_view_and_stay_in_their_box():
    session = opened({"mask": "padding", "lengths": "3"})
    before = data_of(session)
    changed(session, "lengths", "three")
    assert data_of(session) == before
    assert session.text_input(key="lengths").value == "three"
    assert sentences(session) == [
        "lengths 'three' must be whole numbers with commas between them, such as 5, 3. "
        "The page keeps the last view."
    ]


def test_words_can_be_typed_from_a_run_that_had_none():
    session = opened(TUTORIAL)
    before = data_of(session)
    changed(session, "input", "words")
    assert data_of(session) == before
    assert sentences(session) == [
        "The text has no words; write 1 to 128 words. The page keeps the last view."
    ]
    changed(session, "text", "now there are")
    assert config_of(session) == Config(input="words", text="now there are")
    assert sentences(session) == []


def test_a_text_that_was_never_good_cannot_be_run():
    session = opened({"input": "normal", "text": "w " * 500})
    changed(session, "input", "words")
    (spoken,) = sentences(session)
    assert spoken.startswith("The text has 500 words in a line; at most 128 fit.")
    assert config_of(session).input == "normal"


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(
            {"batch_size": "64", "sequence_length": "128", "d_model": "4096"}, id="a smaller batch fits"
        ),
        pytest.param(
            {"input_dim": "4096", "d_model": "4096", "dtype": "float64", "text": "w " * 128}, id="words"
        ),
    ],
)
def test_the_largest_sizes_are_run_or_refused_with_what_would_fit(size, monkeypatch):
    monkeypatch.setattr(page_settings.cache, "ALLOWED", 50_000_000)
    session = opened(size)
    (spoken,) = sentences(session)
    assert spoken.startswith("This run would hold about ")
    assert "50 MB are allowed here" in spoken
    assert spoken.endswith("would fit. The page keeps the last view.")
    assert config_of(session) == Config()


def test_random_addresses_never_cost_the_picture():
    dice = random.Random(5)
    values = [
        "",
        "0",
        "1",
        "3",
        "-1",
        "1e9",
        "true",
        "words",
        "weights.0.0.0.0",
        "q",
        "💥",
        "a,b",
        "1,1",
        "0.1",
    ]
    for _ in range(20):
        keys = dice.sample(ALL_KEYS, dice.randint(1, 8))
        asked = {key: dice.choice(values) for key in keys}
        session = opened(asked)  # asserts the picture
        sentences(session)
        again = opened(address(session))
        assert config_of(again) == config_of(session), asked


def test_a_batch_item_without_a_real_token_is_explained_beside_its_nans():
    session = opened({"mask": "padding", "lengths": "3,0", "batch_size": "2"})
    notes = packed(session)[0]["notes"]
    assert any("Batch item 1 has length 0" in note and "NaN" in note for note in notes)
    without = packed(opened({"mask": "padding", "lengths": "3,1", "batch_size": "2"}))[0]["notes"]
    assert not any("length 0" in note for note in without)


def test_two_layouts_of_a_run_that_fits_once_and_not_three_times_are_refused_with_a_sentence(monkeypatch):
    monkeypatch.setattr(cache, "ALLOWED", held_bytes(Config()) + 1)
    session = opened({"preset": "tutorial"})
    session.switch_page("pages/learn/layouts.py").run()
    assert not session.exception
    assert any("three runs" in sentence for sentence in sentences(session))

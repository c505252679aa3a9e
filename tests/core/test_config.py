"""Settings: every limit, every sentence, the nearest value that works, and what texts may hold."""

from dataclasses import FrozenInstanceError, fields

import pytest

from mha_core import Config, run
from mha_core.config import (
    DTYPES,
    INPUTS,
    LAYOUTS,
    MASKS,
    MAX_TEXT,
    PAD,
    SETTINGS,
    WEIGHTS,
    divisors,
    nearest_heads,
)
from mha_core.errors import ConfigError
from tests.core.grid import ONES


def refused(**settings):
    with pytest.raises(ConfigError) as caught:
        Config(**settings)
    return caught.value


def test_the_defaults_are_the_tutorials():
    found = {each.name: getattr(Config(), each.name) for each in fields(Config)}
    assert found == {
        "batch_size": 1,
        "sequence_length": 4,
        "input_dim": 512,
        "d_model": 512,
        "num_heads": 8,
        "bias": True,
        "layout": "per_head",
        "mask": "none",
        "lengths": (),
        "seed": 0,
        "input": "normal",
        "text": "",
        "positions": True,
        "gain": 1.0,
        "device": "cpu",
        "dtype": "float32",
        "weights": "initial",
        "jobs": (),
    }
    assert Config().head_dim == 64


def test_the_sizes_of_all_axis_words_follow_from_the_settings():
    config = Config(batch_size=2, sequence_length=7, input_dim=13, d_model=55, num_heads=5)
    assert config.sizes == {
        "1": 1,
        "batch": 2,
        "token": 7,
        "query": 7,
        "key": 7,
        "head": 5,
        "head_dim": 11,
        "qkv": 3,
        "d_model": 55,
        "input_dim": 13,
    }


LIMITS = [
    pytest.param("batch_size", 1, 64, {}, id="batch_size"),
    pytest.param("sequence_length", 1, 128, {}, id="sequence_length"),
    pytest.param("input_dim", 1, 4096, {}, id="input_dim"),
    pytest.param("d_model", 1, 4096, {"num_heads": 1}, id="d_model"),
    pytest.param("num_heads", 1, 64, {"d_model": 64}, id="num_heads"),
    pytest.param("seed", 0, 2**31 - 1, {}, id="seed"),
    pytest.param("gain", 0.0, 100.0, {}, id="gain"),
]


@pytest.mark.parametrize(("name", "low", "high", "others"), LIMITS)
def test_a_number_is_taken_at_its_limits_and_refused_beyond_them(name, low, high, others):
    for value in (low, high):
        assert getattr(Config(**others, **{name: value}), name) == value
    for value, nearest in ((low - 1, low), (high + 1, high), (-(10**400), low), (10**400, high)):
        error = refused(**others, **{name: value})
        assert str(error) == f"{name} {value} is outside its limits; it may be {low} to {high}."
        assert (error.setting, error.nearest) == (name, nearest)
        assert type(error.nearest) is type(low)
        assert getattr(Config(**others, **{name: error.nearest}), name) == nearest


def test_the_limits_told_to_pages_are_those_that_are_kept():
    told = {name: (facts.low, facts.high) for name, facts in SETTINGS.items() if facts.high is not None}
    assert told == {row.values[0]: row.values[1:3] for row in LIMITS}


def test_every_setting_has_a_label_and_a_help_that_is_a_sentence():
    assert list(SETTINGS) == [each.name for each in fields(Config)]
    for name, facts in SETTINGS.items():
        assert facts.label == name
        assert facts.help.endswith(".") and facts.help[0].isupper()


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), -0.001, 100.001])
def test_a_gain_that_is_no_number_within_limits_is_refused(value):
    error = refused(gain=value)
    assert str(error) == f"gain {value} is outside its limits; it may be 0.0 to 100.0."
    assert error.nearest in (0.0, 100.0)


def test_a_whole_number_will_do_as_gain():
    assert Config(gain=2) == Config(gain=2.0)
    assert type(Config(gain=2).gain) is float


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        pytest.param(
            {"batch_size": "2"}, "batch_size '2' is a str; it must be a int.", id="text for a number"
        ),
        pytest.param({"seed": 1.0}, "seed 1.0 is a float; it must be a int.", id="float for a whole number"),
        pytest.param(
            {"num_heads": True}, "num_heads True is a bool; it must be a int.", id="bool for a number"
        ),
        pytest.param({"gain": True}, "gain True is a bool; it must be a float.", id="bool for a gain"),
        pytest.param({"bias": 1}, "bias 1 is a int; it must be a bool.", id="number for a bool"),
        pytest.param({"text": None}, "text None is a NoneType; it must be a str.", id="nothing for a text"),
        pytest.param({"device": 0}, "device 0 is a int; it must be a str.", id="number for a device"),
    ],
)
def test_a_value_of_another_kind_is_refused(settings, sentence):
    assert str(refused(**settings)) == sentence


@pytest.mark.parametrize(
    ("name", "choices"),
    [("layout", LAYOUTS), ("mask", MASKS), ("input", INPUTS), ("dtype", DTYPES), ("weights", WEIGHTS)],
)
@pytest.mark.parametrize("value", ["", "CAUSAL", "float8", None, 3, ["none"], {"none": 1}, "none "])
def test_a_choice_that_is_none_is_refused_with_those_that_are(name, choices, value):
    error = refused(**{name: value})
    assert str(error) == f"{name} {value!r} is not a choice; choose {' or '.join(choices)}."
    assert (error.setting, error.nearest) == (name, next(iter(choices)))


def test_every_choice_can_be_chosen():
    for name in ("layout", "mask", "dtype"):
        for value in SETTINGS[name].choices:
            assert getattr(Config(**{name: value}), name) == value
    assert Config(input="words", text="word").input == "words"


@pytest.mark.parametrize("value", ["cpu", "cuda", "cuda:0", "mps", "xpu:12"])
def test_a_devices_name_is_taken(value):
    assert Config(device=value).device == value


@pytest.mark.parametrize("value", ["", "CPU", "cuda:", "cuda:0000", "gpu 0", "cpu\n", "<script>", "cuda:1:2"])
def test_what_is_no_devices_name_is_refused(value):
    error = refused(device=value)
    assert str(error) == f"device {value!r} is no device's name; cpu always works."
    assert (error.setting, error.nearest) == ("device", "cpu")


@pytest.mark.parametrize(
    ("d_model", "num_heads", "would", "nearest"),
    [
        pytest.param(512, 7, "4 or 8", 8, id="two neighbours"),
        pytest.param(512, 6, "4 or 8", 4, id="the smaller of two equally near"),
        pytest.param(7, 2, "1 or 7", 1, id="a prime"),
        pytest.param(1, 8, "1", 1, id="only one below"),
        pytest.param(67, 64, "1", 1, id="a prime beyond the largest num_heads"),
        pytest.param(96, 64, "48", 48, id="nothing above up to 64"),
    ],
)
def test_heads_that_do_not_divide_name_both_numbers_and_the_nearest_that_work(
    d_model, num_heads, would, nearest
):
    error = refused(d_model=d_model, num_heads=num_heads)
    assert str(error) == f"num_heads {num_heads} does not divide d_model {d_model}; {would} would."
    assert (error.setting, error.nearest) == ("num_heads", nearest)
    assert Config(d_model=d_model, num_heads=nearest).head_dim * nearest == d_model


@pytest.mark.parametrize("d_model", [1, 2, 12, 64, 97, 512, 4096])
def test_divisors_are_exactly_the_heads_that_a_config_takes(d_model):
    taken = []
    for num_heads in range(1, 65):
        try:
            taken.append(Config(d_model=d_model, num_heads=num_heads).num_heads)
        except ConfigError as error:
            assert error.nearest == nearest_heads(d_model, num_heads)
            assert abs(error.nearest - num_heads) == min(abs(each - num_heads) for each in divisors(d_model))
    assert tuple(taken) == divisors(d_model)


# Lengths.


@pytest.mark.parametrize(
    ("lengths", "items"),
    [
        pytest.param((), (7, 7), id="empty: all of it"),
        pytest.param((3,), (3, 7), id="the rest is whole"),
        pytest.param((0, 7), (0, 7), id="nothing and everything"),
        pytest.param([2, 5], (2, 5), id="a list will do"),
    ],
)
def test_lengths_are_filled_up_for_every_item(lengths, items):
    config = Config(batch_size=2, sequence_length=7, lengths=lengths)
    assert config.item_lengths == items
    assert isinstance(config.lengths, tuple)
    assert hash(config) == hash(Config(batch_size=2, sequence_length=7, lengths=tuple(lengths)))


@pytest.mark.parametrize(
    ("lengths", "shown"),
    [((-1,), "-1"), ((2.0,), "2.0"), ("34", "3, 4"), ((True,), "True"), (3, "3"), (None, "None")],
)
def test_lengths_that_are_no_whole_numbers_are_refused(lengths, shown):
    error = refused(lengths=lengths)
    assert str(error) == f"lengths {shown} must be whole numbers from 0, one for each batch item."
    assert (error.setting, error.nearest) == ("lengths", ())


def test_more_lengths_than_items_are_refused():
    error = refused(batch_size=2, lengths=(1, 2, 3))
    assert str(error) == ("lengths names 3 batch items (1, 2, 3), and batch_size is 2; give at most 2.")
    assert (error.setting, error.nearest) == ("lengths", (1, 2))


def test_lengths_beyond_the_sequence_are_refused():
    error = refused(batch_size=2, sequence_length=5, lengths=(6, 3))
    assert str(error) == "lengths 6, 3 name more tokens than sequence_length 5; each may be 0 to 5."
    assert (error.setting, error.nearest) == ("lengths", (5, 3))


# Texts.


def words(text, **settings):
    return Config(input="words", text=text, **settings)


def test_lines_become_batch_items_and_words_become_tokens():
    config = words("the cat  saw\n\n\tthe dog \n", batch_size=9, sequence_length=99)
    assert (config.batch_size, config.sequence_length) == (2, 3)
    assert config.words == (("the", "cat", "saw"), ("the", "dog", PAD))
    assert config.item_lengths == (3, 2)


def test_lengths_go_before_the_texts_own():
    assert words("a b c\nd", lengths=(2,)).item_lengths == (2, 1)
    error = refused(input="words", text="a b", lengths=(3,))
    assert str(error) == "lengths 3 name more tokens than sequence_length 2; each may be 0 to 2."


def test_a_text_is_ignored_where_x_is_not_made_of_words():
    config = Config(text="a b c d e f g")
    assert (config.batch_size, config.sequence_length, config.words) == (1, 4, None)


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\t \r\n", "\u2028\u00a0"])
def test_a_text_without_words_is_refused(text):
    error = refused(input="words", text=text)
    assert str(error) == "The text has no words; write 1 to 128 words."
    assert (error.setting, error.nearest) == ("text", None)


def test_a_text_of_ten_thousand_words_is_refused_with_both_numbers():
    assert words("w " * 128).sequence_length == 128
    assert str(refused(input="words", text="w " * 10_000)) == (
        "The text has 10000 words in a line; at most 128 fit. The first 128 would."
    )


def test_a_text_of_too_many_lines_is_refused_with_both_numbers():
    assert words("w\n" * 64).batch_size == 64
    assert str(refused(input="words", text="w\n" * 65)) == (
        "The text has 65 lines; each is a batch item, and at most 64 fit. The first 64 would."
    )


def test_a_word_that_is_too_long_is_refused_with_both_numbers():
    assert words("x" * 64).words == (("x" * 64,),)
    assert str(refused(input="words", text="y " + "x" * 65)) == (
        "A word of the text has 65 characters; at most 64 fit."
    )


def test_a_text_that_is_too_long_in_all_is_refused_with_both_numbers():
    line = " ".join(["w" * 61] * 50)  # 3099 characters, and a line's end
    assert words(f"{line}\n{'x ' * 127}")
    for settings in ({"input": "words"}, {}):  # a text that is not used is in the link all the same
        error = refused(text=f"{line}\n{line}", **settings)
        assert str(error) == (
            "The text has 6199 characters in all; at most 5000 fit, so that a link can hold it."
        )
        assert (error.setting, error.nearest) == ("text", None)
    assert len(Config(text="w" * MAX_TEXT).text) == MAX_TEXT


def test_the_fillings_name_is_no_word_that_can_be_typed():
    (line,) = words(PAD).words
    assert PAD not in line and "".join(line) == PAD.replace(" ", "")


HOSTILE = [
    pytest.param("🐈 👩‍👩‍👧 saw 🐈", ("🐈", "👩‍👩‍👧", "saw", "🐈"), id="emoji"),
    pytest.param("שלום עולם", ("שלום", "עולם"), id="right to left"),
    pytest.param("\u202eabc \u2066x", ("\u202eabc", "\u2066x"), id="marks that turn the direction"),
    pytest.param("</script> <img onerror=alert(1)>", ("</script>", "<img", "onerror=alert(1)>"), id="markup"),
    pytest.param("{word} {0} %s \\n", ("{word}", "{0}", "%s", "\\n"), id="places of templates"),
    pytest.param("a\x00b 'quoted\"", ("a\x00b", "'quoted\""), id="quotes and a zero character"),
]


@pytest.mark.parametrize(("text", "found"), HOSTILE)
def test_any_word_is_kept_as_it_was_typed(text, found):
    config = words(text, input_dim=5, d_model=6, num_heads=2)
    assert config.words == (found,)
    assert run(config)["x"].shape == (1, len(found), 5)


def test_half_a_character_is_refused():
    error = refused(input="words", text="a \ud83d b")
    assert (
        str(error) == "The text holds '\\ud83d', half of a character, which cannot be written; leave it out."
    )
    assert (error.setting, error.nearest) == ("text", None)


def test_a_fact_with_braces_is_not_read_as_a_place():
    assert str(refused(mask="{choices}")) == (
        "mask '{choices}' is not a choice; choose none or causal or padding or both."
    )


# As a value.


def test_a_config_is_frozen_and_equal_settings_are_one_key():
    config = Config(seed=5)
    with pytest.raises(FrozenInstanceError):
        config.seed = 6
    assert {config: 1}[Config(seed=5)] == 1


def test_a_changed_copy_is_checked_again_and_leaves_the_first_alone():
    config = Config(d_model=12, num_heads=3)
    assert config.but(num_heads=4).head_dim == 3
    assert config.num_heads == 3
    with pytest.raises(ConfigError, match=r"num_heads 5 does not divide d_model 12; 4 or 6 would\."):
        config.but(num_heads=5)
    with pytest.raises(TypeError, match="heads"):
        config.but(heads=5)


def test_every_size_may_be_one():
    config = Config(**ONES)
    assert set(config.sizes.values()) == {1, 3}  # 3: query, key and value
    assert config.head_dim == 1

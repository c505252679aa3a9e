"""Planted heads do what is said of them at every size that is offered; other sizes are refused."""

import itertools
import math
import re

import pytest
import torch

from mha_core import Config, run
from mha_core.config import LAYOUTS, MASKS
from mha_core.errors import ConfigError
from mha_core.inputs import from_torch, initial, signs, sinusoids, to_per_head, to_stacked
from mha_core.planted import (
    JOBS,
    LITTLE_WORDS,
    are_planted,
    built,
    decided_by,
    jobs_of,
    layers,
    not_planted,
    planted,
    reasons,
)
from mha_core.presets import PRESETS
from mha_core.waves import first_mass, one_step_mass, window_mass

SENTENCE = "the old cat saw the dog and the dog saw a cat".split()  # 12 words: repeats, and little words
ALL = ("previous", "next", "first", "same", "first_occurrence", "window", "content", "uniform")
SHIPPED = {
    # num_heads, d_model, input_dim: what ships
    (3, 24, 24): ("previous", "same", "first"),
    (4, 32, 40): ("previous", "same", "first", "uniform"),
    (4, 64, 64): ("previous", "same", "first", "uniform"),
    (8, 512, 512): ALL,
}
SIZES = pytest.mark.parametrize("sizes", SHIPPED, ids=lambda sizes: f"{sizes[0]}x{sizes[1] // sizes[0]}")


def settings(sizes, words=SENTENCE, **more):
    num_heads, d_model, input_dim = sizes
    given = {"input": "words", "weights": "planted", "text": " ".join(words)}
    return Config(**{**given, "num_heads": num_heads, "d_model": d_model, "input_dim": input_dim, **more})


def texts(tokens):
    """The four kinds of text: repeats, a sentence, all words different, all the same."""
    return [
        [f"word{place % 5}" for place in range(tokens)],
        [SENTENCE[place % 12] for place in range(tokens)],
        [f"word{place}" for place in range(tokens)],
        ["one"] * tokens,
    ]


def intended(job, words, hides_later):
    """The keys that each query should look at, by the words and places alone; none: nothing to look at."""
    rows = []
    for here, word in enumerate(words):
        seen = range(here + 1) if hides_later else range(len(words))
        after = here if hides_later else here + 1
        rows.append(
            {
                "previous": [key for key in seen if key == here - 1],
                "next": [key for key in seen if key == after],
                "first": [0],
                "same": [key for key in seen if words[key] == word],
                "first_occurrence": [words.index(word)],
                "window": [key for key in seen if here and abs(key - (here - 1)) <= 2],
                "content": [key for key in seen if words[key] not in LITTLE_WORDS],
                "uniform": list(seen),
            }[job]
        )
    return rows


def lowest_mass(config):
    """For each job the lowest weight that a row puts on its intended keys."""
    trace, (words,) = run(config), config.words
    found = {}
    for head, job in enumerate(jobs_of(config)):
        for query, keys in enumerate(intended(job, list(words), config.mask in ("causal", "both"))):
            if keys:
                mass = trace["weights"][0, head, query, keys].sum().item()
                found[job] = min(found.get(job, 1.0), mass)
    return found


@SIZES
def test_every_head_puts_its_weight_where_it_was_built_to(sizes):
    for tokens, mask, seed in itertools.product((2, 12, 31), ("none", "causal"), (0, 1)):
        for words in texts(tokens):
            config = settings(sizes, words, mask=mask, seed=seed)
            assert jobs_of(config) == SHIPPED[sizes]
            low = lowest_mass(config)
            assert min(low.values()) > 0.9, (tokens, mask, seed, words[:3], low)


@SIZES
def test_the_longest_text_too_and_a_text_of_one_word(sizes):
    for words, mask in itertools.product(texts(128)[:3], ("none", "causal")):
        low = lowest_mass(settings(sizes, words, mask=mask))
        # 128 different words in 8 signs: every word has neighbours that differ in one sign alone
        assert low.pop("same") > (0.69 if sizes[1] // sizes[0] == 8 and len(set(words)) == 128 else 0.9)
        assert min(low.values()) > 0.9, low
    one = run(settings(sizes, ["dog"]))
    assert torch.equal(one["weights"], torch.ones(1, sizes[0], 1, 1))


@pytest.mark.parametrize("sizes", SHIPPED)
def test_what_a_head_is_offered_by_is_what_it_does_on_the_longest_text(sizes):
    why = reasons(settings(sizes))
    assert first_mass(4, 12) > 0.99, "its cosines are as many as its rows, twice the pairs of the others"
    assert not why["first"]
    for job, mass in (("previous", one_step_mass), ("first", first_mass), ("window", window_mass)):
        if not why[job]:
            low = lowest_mass(settings(sizes, texts(128)[2], jobs=(job,)))
            assert low[job] == pytest.approx(mass(sizes[1] // sizes[0], sizes[2] // 2), abs=1e-4), job


@SIZES
def test_the_output_of_a_head_is_the_word_it_looked_at(sizes):
    for mask, words in itertools.product(("none", "causal"), texts(12)):
        config = settings(sizes, words, mask=mask)
        trace = run(config)
        table = {word: trace["x"][0, words.index(word), : config.head_dim] for word in words}
        names, rows = [*table], torch.stack([*table.values()])
        for head, job in enumerate(jobs_of(config)):
            mine = trace["out"][0, :, head * config.head_dim : (head + 1) * config.head_dim]
            nearest = [names[place] for place in torch.cdist(mine, rows).argmin(-1).tolist()]
            for query, keys in enumerate(intended(job, words, mask == "causal")):
                meant = {words[key] for key in keys}
                if len(meant) == 1 and job not in ("window", "content", "uniform"):
                    assert nearest[query] in meant, (job, query)


def test_the_next_token_head_settles_on_itself_where_later_tokens_are_hidden():
    config = settings((8, 512, 512), mask="causal")
    weights = run(config)["weights"][0, jobs_of(config).index("next")]
    assert weights.diagonal().min() > 0.99
    sentence = built(config)[jobs_of(config).index("next")]
    assert "settles on itself" in sentence
    assert built(config.but(mask="both")) == built(config)
    for mask in ("none", "padding"):
        assert "settles on itself" not in " ".join(built(config.but(mask=mask)))


def test_the_average_is_plain_over_what_is_seen():
    for mask in ("none", "causal"):
        trace = run(settings((4, 32, 40), mask=mask))
        seen = (~trace["mask"][0, 0]).double()
        assert torch.allclose(trace["weights"][0, 3].double(), seen / seen.sum(-1, keepdim=True), atol=1e-7)


# What changes a map, and what does not.


@SIZES
def test_the_weights_never_read_the_text_the_mask_or_the_seed(sizes):
    first_layers = planted(settings(sizes))
    for changes in (
        {"text": "other words stand here now"},
        {"mask": "causal"},
        {"seed": 5},
        {"text": "x " * 128},
    ):
        other = planted(settings(sizes).but(**changes))
        for name, layer in first_layers.items():
            assert torch.equal(layer.weight, other[name].weight) and torch.equal(layer.bias, other[name].bias)


@SIZES
def test_other_words_leave_the_maps_of_heads_that_look_by_position_as_they_were(sizes):
    here = run(settings(sizes))
    other = run(settings(sizes, "this is a wholly different line of words to look at once more".split()[:12]))
    by_position = [JOBS[job].by_position for job in SHIPPED[sizes]]
    assert 2 <= sum(by_position) < sizes[0]
    for head, alone in enumerate(by_position):
        same_bits = torch.equal(here["weights"][0, head], other["weights"][0, head])
        assert same_bits == (alone or SHIPPED[sizes][head] == "uniform"), SHIPPED[sizes][head]


@SIZES
def test_shuffled_words_shuffle_the_maps_of_heads_that_look_by_word_and_of_no_other(sizes):
    order = torch.randperm(12, generator=torch.Generator().manual_seed(4))
    words = [SENTENCE[place] for place in order]
    here, moved = run(settings(sizes))["weights"][0], run(settings(sizes, words))["weights"][0]
    for head, job in enumerate(SHIPPED[sizes]):
        apart = (moved[head] - here[head][order][:, order]).abs().max()
        if job in ("same", "content", "uniform"):
            assert apart < 1e-3, job
        else:
            assert apart > 0.4, job


@SIZES
def test_without_positions_heads_that_look_by_position_become_the_plain_average(sizes):
    config = settings(sizes, positions=False)
    trace = run(config)
    assert (trace["x"][..., config.input_dim // 2 :] == 0).all()
    for head, job in enumerate(jobs_of(config)):
        even = (trace["weights"][0, head] - 1 / 12).abs().max() < 1e-7
        assert even == (JOBS[job].by_position or job == "uniform"), job


@SIZES
def test_without_bias_the_masses_stay(sizes):
    with_bias, without = (lowest_mass(settings(sizes, bias=bias)) for bias in (True, False))
    assert planted(settings(sizes, bias=False))["qkv_layer"].bias is None
    for job, mass in with_bias.items():
        assert without[job] == pytest.approx(mass, abs=2e-4), job
        assert without[job] > 0.9


@SIZES
def test_sixteen_bits_draw_nearly_the_same_maps(sizes):
    words = texts(32)[1]
    wide, narrow = (
        run(settings(sizes, words, mask="causal", dtype=kind)) for kind in ("float32", "bfloat16")
    )
    assert narrow["weights"].dtype == torch.bfloat16
    assert (wide["weights"] - narrow["weights"].float()).abs().max() < 0.005


@pytest.mark.parametrize("name", ["sentence", "planted"])
def test_every_preset_of_planted_heads_keeps_its_word(name):
    config = PRESETS[name].config
    assert config.weights == "planted"
    low = lowest_mass(config)
    assert len(low) == config.num_heads
    assert min(low.values()) > 0.9


# The recipes' numbers.


@pytest.mark.parametrize(
    ("sizes", "gains"),
    [
        ((3, 24, 24), {"previous": 35.1, "first": 35.1, "same": 4.2}),
        ((4, 64, 64), {"previous": 35.0, "first": 35.0, "same": 3.0}),
        ((8, 512, 512), {"previous": 13.6, "first": 13.5, "window": 2.3, "same": 1.5, "content": 24.0}),
    ],
)
def test_gains_are_those_that_were_measured(sizes, gains):
    config = settings(sizes)
    q, q_bias = parts_of(config)["q"]
    for job, gain in gains.items():
        head = jobs_of(config).index(job)
        largest = max(q[head].norm(dim=-1).max().item(), q_bias[head].abs().max().item())
        assert largest == pytest.approx(gain, abs=0.06), job


def test_the_first_occurrence_is_built_for_the_longest_text():
    config = settings((8, 512, 512))
    head = jobs_of(config).index("first_occurrence")
    q, q_bias = parts_of(config)["q"]
    assert q_bias[head, -1].item() == pytest.approx(41.4, abs=0.1)
    assert q[head].max().item() == pytest.approx(151.5, abs=0.2)


def parts_of(config):
    """q, k and v: the rows of the weight by head, and of the bias."""
    layer = planted(config.but(layout="per_head"))["qkv_layer"]
    weight = layer.weight.detach().reshape(config.num_heads, 3, config.head_dim, config.input_dim)
    bias = layer.bias.detach().reshape(config.num_heads, 3, config.head_dim)
    return {role: (weight[:, place], bias[:, place]) for place, role in enumerate("qkv")}


def test_rows_are_what_the_recipes_say():
    config = settings((4, 32, 40))
    parts, half = parts_of(config), 20
    for _, bias in (parts["k"], parts["v"]):
        assert (bias == 0).all()
    assert torch.equal(parts["v"][0], torch.eye(8, 40).expand(4, -1, -1))
    q, k = parts["q"][0], parts["k"][0]
    turned = torch.zeros(8, 40)
    for pair in range(4):
        angle = -(10000 ** (-2 * pair / half))
        row, column = 2 * pair, half + 2 * pair
        turned[row, column : column + 2] = torch.tensor([math.cos(angle), math.sin(angle)])
        turned[row + 1, column : column + 2] = torch.tensor([-math.sin(angle), math.cos(angle)])
    gain = q[0].norm(dim=-1)[0]
    assert torch.allclose(q[0], turned * gain, atol=1e-4)
    # turned back one step, position 5 is position 4
    place = sinusoids(6, half).float()
    assert torch.allclose(turned[:, half:] @ place[5], place[4][:8], atol=1e-6)
    assert torch.equal(k[1], torch.eye(8, 40))
    assert (q[2] == 0).all() and (
        parts["q"][1][2] > 0
    ).all()  # first: the bias asks, the weight reads nothing
    assert (q[3] == 0).all() and (k[3] == 0).all() and (parts["q"][1][3] == 0).all()
    out = planted(config)["out_layer"]
    assert torch.equal(out.weight, torch.eye(32)) and torch.equal(out.bias, torch.zeros(32))


def test_gain_multiplies_the_first_layer_as_it_does_for_drawn_weights():
    one, two = planted(settings((4, 32, 40))), planted(settings((4, 32, 40), gain=2.0))
    assert torch.equal(two["qkv_layer"].weight, one["qkv_layer"].weight * 2)
    assert torch.equal(two["qkv_layer"].bias, one["qkv_layer"].bias * 2)
    assert torch.equal(two["out_layer"].weight, one["out_layer"].weight)


@SIZES
def test_both_layouts_hold_the_same_numbers_and_give_the_same_output(sizes):
    per_head, stacked = (run(settings(sizes, layout=layout, mask="causal")) for layout in LAYOUTS)
    back = to_per_head(stacked.parameters["qkv_layer"], sizes[0])
    assert torch.equal(back.weight, per_head.parameters["qkv_layer"].weight)
    assert torch.allclose(per_head["out"], stacked["out"], atol=1e-5)


def test_the_settings_that_decide_the_weights_are_kept_and_no_others():
    config = settings((4, 32, 40), mask="causal", seed=9, jobs=("first", "same"), bias=False)
    kept = decided_by(config)
    for name, layer in layers(config).items():
        assert torch.equal(layer.weight, layers(kept)[name].weight)
    assert decided_by(config.but(text="other", mask="both", seed=3, dtype="float64")) == kept
    for changes in (
        {"jobs": ("same",)},
        {"bias": True},
        {"layout": "stacked"},
        {"gain": 2.0},
        {"weights": "initial"},
    ):
        assert decided_by(config.but(**changes)) != kept
    drawn = Config(seed=4, input="words", text="a b", mask="causal")
    assert decided_by(drawn) == Config(seed=4)


# x: a word's half and its position's.


def test_x_is_a_word_half_of_signs_and_a_position_half_of_waves():
    config = settings((4, 32, 40), "the cat saw the dog".split())
    x = run(config)["x"]
    words, places = x[0, :, :20], x[0, :, 20:]
    assert (words.abs() == 1).all()
    assert torch.equal(words[0], words[3])
    assert torch.equal(places, sinusoids(5, 20).float())
    assert words[:, -1].tolist() == [-1, 1, 1, -1, 1]  # the mark of little words
    assert words[1:3, :8].sum() != words[3:5, :8].sum() or not torch.equal(words[1], words[2])


def test_words_draw_from_generators_of_their_own_and_later_ones_never_change_earlier_ones():
    long = settings((4, 32, 40), "cat dog bird fish".split())
    short = settings((4, 32, 40), ["cat", "dog"])
    assert torch.equal(run(long)["x"][0, :2], run(short)["x"][0])
    swapped = run(settings((4, 32, 40), ["dog", "cat"], positions=False))["x"][0]
    assert torch.equal(swapped[1], run(short.but(positions=False))["x"][0, 0])
    assert not torch.equal(run(short.but(seed=1))["x"], run(short)["x"])


@pytest.mark.parametrize(
    ("num_heads", "d_model", "input_dim", "least"), [(4, 32, 40, 2), (4, 64, 64, 4), (8, 512, 512, 16)]
)
def test_words_are_as_far_apart_as_the_heads_need(num_heads, d_model, input_dim, least):
    words = [f"word{place}" for place in range(32)]
    for seed in range(3):
        x = run(settings((num_heads, d_model, input_dim), words, seed=seed))["x"][
            0, :, : d_model // num_heads
        ]
        apart = (x[:, None] != x[None]).sum(-1) + torch.eye(32, dtype=torch.int64) * 999
        assert apart.min() >= least
    crowd = run(settings((4, 32, 40), [f"word{place}" for place in range(128)]))["x"][0, :, :8]
    assert len({tuple(row) for row in crowd.tolist()}) == 128


@pytest.mark.parametrize(("head_dim", "searches"), [(2, False), (6, False), (8, True)])
def test_words_are_searched_for_only_where_a_job_compares_their_signs(monkeypatch, head_dim, searches):
    drawn, draw = [], torch.randint
    monkeypatch.setattr(torch, "randint", lambda *given, **how: drawn.append(1) or draw(*given, **how))
    config = settings((4, 4 * head_dim, 40), [f"word{place}" for place in range(64)])
    assert bool(JOBS["same"].reason(config.space)) != searches
    signs(config)
    assert (len(drawn) > 64) == searches and len(drawn) >= 64


def test_the_same_word_is_found_among_as_many_as_are_told():
    told = JOBS["same"].sentence
    assert "With head_dim 8 it keeps some 30 different" in told and told.endswith("with 16 it keeps 128.")
    for sizes, few, sharp in (((4, 32, 40), 30, True), ((4, 32, 40), 128, False), ((4, 64, 64), 128, True)):
        words = [f"word{place}" for place in range(few)]
        low = min(lowest_mass(settings(sizes, words, jobs=("same",), seed=seed))["same"] for seed in range(2))
        assert (low > 0.95) == sharp, (sizes, few, low)


def test_filling_is_a_row_of_zeros_beside_its_position():
    config = settings((4, 32, 40), text="a cat saw\nit")
    x = run(config)["x"]
    assert (x[1, 1:, :20] == 0).all()
    assert torch.equal(x[1, :, 20:], x[0, :, 20:])


def test_little_words_are_marked_however_they_are_written_and_the_list_is_printed():
    x = run(settings((4, 32, 40), ["The", "THE", "other"]))["x"]
    assert x[0, :, 19].tolist() == [-1, -1, 1]
    for word in LITTLE_WORDS:
        assert f" {word}" in JOBS["content"].sentence
    assert len(set(LITTLE_WORDS)) == len(LITTLE_WORDS)
    assert all(word == word.casefold() and word.isalpha() for word in LITTLE_WORDS)


# What can be chosen, and what cannot.


def test_jobs_are_as_many_as_heads_and_may_be_chosen():
    assert jobs_of(Config()) == ()
    assert jobs_of(settings((4, 32, 40), jobs=("first", "content"))) == (
        "first",
        "content",
        "first",
        "content",
    )
    assert jobs_of(settings((1, 8, 40))) == ("previous",)
    assert jobs_of(settings((5, 320, 512))) == ALL[:5]
    assert jobs_of(settings((16, 1024, 512)))[:9] == (*ALL, "previous")
    assert len(jobs_of(settings((16, 1024, 512)))) == 16
    for config in (settings((4, 32, 40)), settings((8, 512, 512), mask="both")):
        sentences = built(config)
        assert len(sentences) == config.num_heads
        assert all(sentence.startswith("Built to ") and sentence.endswith(".") for sentence in sentences)


def refused(sizes=(4, 32, 40), **more):
    with pytest.raises(ConfigError) as caught:
        settings(sizes, **more)
    return caught.value


CANNOT = [
    (
        {"input": "normal"},
        "weights planted read words, and input is normal; input words would do, or weights initial.",
        ("weights", "initial"),
    ),
    (
        {"text": " ".join(f"w{place % 128}" for place in range(128)) + "\n" + "w999"},
        "The text has 129 different words, and planted heads tell at most 128 apart; a shorter text would "
        "do, or weights initial.",
        ("weights", "initial"),
    ),
    (
        {"input_dim": 41},
        "input_dim 41 cannot be cut into a half for the word and a half for its position, as weights planted "
        "need; 42 can.",
        ("input_dim", 42),
    ),
    ({"input_dim": 1, "d_model": 4}, "input_dim 1 cannot be cut", ("input_dim", 4)),
    (
        {"num_heads": 1},
        "head_dim 32 (d_model 32 / num_heads 1) does not suit weights planted: it must be even and at most "
        "half of input_dim 40; num_heads 2 would do.",
        ("num_heads", 2),
    ),
    ({"num_heads": 32}, "head_dim 1 (d_model 32 / num_heads 32)", ("num_heads", 16)),
    (
        {"d_model": 35, "num_heads": 5},
        "no num_heads gives d_model 35 one (head_dim is 7",
        ("weights", "initial"),
    ),
    (
        {"input_dim": 42, "d_model": 35, "num_heads": 5},
        "; an even d_model of at most 20 would do, or weights initial.",
        ("weights", "initial"),
    ),
    ({"jobs": ("previous",) * 5}, "jobs names 5 jobs (previous, previous", ("jobs", ("previous",) * 4)),
    (
        {"jobs": ("same", "verbs", "first")},
        f"jobs 'verbs' is not a job of a head; the jobs are {', '.join(ALL)}.",
        ("jobs", ("same", "first")),
    ),
    (
        {"jobs": ("same", "window")},
        "The job window does not fit these sizes. With head_dim 8 and input_dim 40 its waves cannot tell 128 "
        "positions apart; head_dim 12 with input_dim 42 would do.",
        ("jobs", ("same", "same")),
    ),
]


@pytest.mark.parametrize(("more", "sentence", "mended"), CANNOT, ids=[str(row[0])[:30] for row in CANNOT])
def test_what_cannot_be_planted_is_refused_with_both_numbers_and_what_would_work(more, sentence, mended):
    error = refused(**more)
    assert sentence in str(error)
    assert (error.setting, error.nearest) == mended
    base = settings((4, 32, 40))
    good = {**{name: getattr(base, name) for name in ("num_heads", "d_model", "input_dim")}, **more}
    while True:  # mended as a page mends it, setting by setting, it ends in something that works
        try:
            settings((4, 32, 40), **good)
            break
        except ConfigError as again:
            assert good.get(again.setting, getattr(base, again.setting)) != again.nearest
            good[again.setting] = again.nearest


@pytest.mark.parametrize("num_heads", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("input_dim", [4, 12, 40, 256])
def test_a_job_is_refused_with_the_reason_that_is_told_and_every_other_one_works(num_heads, input_dim):
    sizes = (num_heads, num_heads * (input_dim // 4 * 2 if input_dim < 256 else 16), input_dim)
    why = reasons(settings(sizes))
    assert [*why] == [*ALL]
    for job, reason in why.items():
        if reason:
            assert reason.endswith("would do.")
            assert str(refused(sizes, jobs=(job,))) == f"The job {job} does not fit these sizes. {reason}"
        else:
            low = lowest_mass(settings(sizes, texts(31)[0], jobs=(job,)))
            assert not low or low[job] > 0.9, job
    assert not why["uniform"]


WOULD = re.compile(r"; (?:head_dim (\d+))?(?: with )?(?:input_dim (\d+))? would do\.$")


@pytest.mark.parametrize("sizes", [(4, 16, 40), (4, 24, 12), (2, 4, 8), (1, 16, 4096), (2, 32, 40)])
@pytest.mark.parametrize("bias", [True, False])
def test_the_size_that_a_reason_names_would_do(sizes, bias):
    tried = 0
    for job, reason in reasons(settings(sizes, bias=bias)).items():
        if reason:
            head_dim, input_dim = (int(number or 0) for number in WOULD.search(reason).groups())
            head_dim = head_dim or sizes[1] // sizes[0]
            input_dim = max(input_dim or sizes[2], 2 * head_dim)
            next_reason = reasons(settings((1, head_dim, input_dim), bias=bias))[job]
            # one thing is named at a time: too few signs first, then a sine that rises
            assert not next_reason or next_reason.split()[:2] != reason.split()[:2], (job, reason)
            tried += 1
    assert tried


def test_an_input_without_a_sine_that_rises_is_told_the_smallest_that_has_one():
    said = reasons(Config(input_dim=8, d_model=16, num_heads=1))["first_occurrence"]
    assert said == "With input_dim 8 no sine of positions rises over 128 tokens; input_dim 12 would do."
    assert not reasons(Config(input_dim=12, d_model=16, num_heads=1))["first_occurrence"]


def test_jobs_that_need_a_constant_are_refused_where_there_is_none():
    nothing = settings((4, 32, 40), bias=False, positions=False)
    why = {job for job, reason in reasons(nothing).items() if "constant to ask with" in reason}
    assert why == {"first", "content"}
    assert jobs_of(nothing) == ("previous", "same", "uniform", "previous")
    short = reasons(settings((4, 32, 16), bias=False).but(input_dim=12, d_model=16))
    assert "slowest cosine" in short["content"]


def test_whether_planting_is_possible_is_said_before_it_is_tried():
    assert not_planted(settings((4, 32, 40)).but(weights="initial")) == ""
    assert "input is normal" in not_planted(Config())
    assert "input_dim 41" in not_planted(Config(input="words", text="a", input_dim=41))
    assert "2 or more" in reasons(Config(input_dim=3))["uniform"]


@pytest.mark.parametrize("mask", MASKS)
def test_planted_runs_take_every_mask_with_shorter_lines(mask):
    config = settings((4, 32, 40), text="the cat saw the small old dog\nrain fell", mask=mask)
    trace = run(config)
    assert trace["out"].shape == (2, 7, 32)
    assert not trace["weights"].isnan().any()


# Other layers than were planted.


def own_layers(config, bias):
    module = torch.nn.MultiheadAttention(config.d_model, config.num_heads, bias=bias, batch_first=True)
    return from_torch(module.eval(), layout=config.layout)[1]


@pytest.mark.parametrize("bias", [True, False])
def test_layers_of_the_callers_own_have_no_jobs(bias):
    # without a bias, and without positions, the first token's head could not be planted
    config = settings((4, 40, 40), "the cat saw it".split(), positions=False, jobs=("first", "same"))
    trace = run(config, parameters=own_layers(config, bias))
    assert (trace.config.weights, trace.config.jobs, trace.config.bias) == ("initial", (), bias)
    assert built(trace.config) == ()
    assert torch.equal(trace["x"], run(config)["x"]), "the words stay beside their positions"
    assert torch.equal(run(trace.config, trace["x"], trace.parameters)["out"], trace["out"])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_planted_layers_themselves_keep_their_jobs_in_either_order(dtype):
    config = settings((4, 32, 40), jobs=("first", "same"), dtype=dtype)
    first = run(config)
    for turn in (lambda layer, heads: layer, to_stacked):
        layers = {**first.parameters, "qkv_layer": turn(first.parameters["qkv_layer"], config.num_heads)}
        assert run(config, parameters=layers).config == config
    touched = planted(config)
    touched["out_layer"].weight[0, 0] = 2
    assert run(config, parameters=touched).config.weights == "initial"
    assert torch.equal(run(config, parameters=touched)["x"], first["x"])


@SIZES
def test_planted_layers_are_known_again_until_they_are_changed(sizes):
    config = settings(sizes)
    with torch.inference_mode():
        inside = planted(config)
    for found in (planted(config), inside):
        assert are_planted(config, found)
        assert are_planted(config.but(mask="causal", dtype="float64"), found)
        assert not are_planted(config.but(gain=2.0), found)
    found = planted(config)
    found["qkv_layer"].weight[0] += 1
    assert not are_planted(config, found)
    assert not are_planted(config, {**planted(config), "out_layer": initial(config)["out_layer"]})

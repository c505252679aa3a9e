"""Where numbers come from: every tensor and word draws from its own generator, on the CPU, in float32."""

import math

import pytest
import torch
from torch import nn

from mha_core import Config, run
from mha_core.config import DTYPES, LAYOUTS, PAD
from mha_core.errors import InputError
from mha_core.inputs import initial, linear, seed_of, sinusoids, vocabulary
from tests.core.grid import INPUTS, ONES, own_x, run_kind, small

NAMES = [
    "x",
    "word/cat",
    "word/x",
    *(f"{name}.{part}" for name in ("qkv_layer", "out_layer") for part in ("weight", "bias")),
]


def words(text, **settings):
    return run(
        Config(**{"input": "words", "text": text, "input_dim": 13, "d_model": 55, "num_heads": 5, **settings})
    )


# Independence.


def test_every_seed_and_name_has_a_seed_of_its_own():
    seeds = {seed_of(seed, name) for seed in range(50) for name in NAMES}
    assert len(seeds) == 50 * len(NAMES)
    assert all(0 <= seed < 2**63 for seed in seeds)


def diagonal_of(x, weight):
    """How far, in standard deviations of chance, token t is from being unrelated to row t of the weight."""
    products = x @ weight[: len(x)].T
    own = products.diagonal()
    return abs(own.mean() / products.std()).item() * math.sqrt(len(own))


def test_x_and_the_weights_are_independent():
    for seed in range(3):
        trace = run(Config(sequence_length=128, seed=seed))
        x, weight = trace["x"][0], trace.parameters["qkv_layer"].weight
        assert all(diagonal_of(x, weight[start : start + 128]) < 4 for start in range(0, 1536, 128))
        assert diagonal_of(x, trace.parameters["out_layer"].weight) < 4
        many = x.flatten()
        together = torch.stack([many, *(weight.flatten()[start:][: len(many)] for start in (0, 512, 65536))])
        assert (torch.corrcoef(together)[0, 1:].abs() < 4 / math.sqrt(len(many))).all()


def test_the_guard_sees_weights_drawn_with_the_seed_of_x():
    x = torch.randn((128, 512), generator=torch.Generator().manual_seed(0))
    weight = torch.randn((1536, 512), generator=torch.Generator().manual_seed(0))
    assert diagonal_of(x, weight) > 100


def test_queries_meet_keys_without_a_diagonal():
    q, k = (run(Config(sequence_length=128, input_dim=512, seed=1))[name][0] for name in "qk")
    scores = q @ k.transpose(-2, -1)
    own = scores.diagonal(dim1=-2, dim2=-1)
    centred = (own - scores.mean((-2, -1))[:, None]).mean(-1) / scores.std((-2, -1)) * math.sqrt(128)
    assert (centred.abs() < 5).all()


def test_the_two_layers_and_their_parts_are_independent():
    parameters = initial(Config())
    drawn = [part.flatten()[:512] for layer in parameters.values() for part in (layer.weight, layer.bias)]
    apart = torch.corrcoef(torch.stack(drawn)) - torch.eye(4)
    assert (apart.abs() < 4 / math.sqrt(512)).all()


def test_x_does_not_depend_on_any_size_but_its_own():
    first = run(small())["x"]
    for changes in (
        {"d_model": 33, "num_heads": 3},
        {"bias": False},
        {"layout": "stacked"},
        {"gain": 2.0},
        {"mask": "both"},
    ):
        assert torch.equal(run(small().but(**changes))["x"], first)
    assert not torch.equal(run(small(seed=1))["x"], first)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_weights_do_not_depend_on_the_input(layout):
    first = run(small(layout=layout)).parameters
    for changes in (
        {"batch_size": 3},
        {"sequence_length": 17},
        {"mask": "causal"},
        {"input": "words", "text": "a b"},
    ):
        other = run(small(layout=layout).but(**changes)).parameters
        assert all(torch.equal(other[name].weight, layer.weight) for name, layer in first.items())
        assert all(torch.equal(other[name].bias, layer.bias) for name, layer in first.items())
    assert not torch.equal(run(small(seed=1)).parameters["out_layer"].weight, first["out_layer"].weight)


def test_leaving_out_the_biases_leaves_the_weights_as_they_are():
    with_bias, without = initial(small()), initial(small(bias=False))
    for name, layer in with_bias.items():
        assert torch.equal(layer.weight, without[name].weight)
        assert layer.bias is not None and without[name].bias is None


@pytest.mark.parametrize("kind", INPUTS)
def test_nothing_touches_the_global_generator_or_depends_on_it(kind):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = run_kind(kind)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second = run_kind(kind)
    assert all(torch.equal(first[name], second[name]) for name in first.names)


# Bounds.


@pytest.mark.parametrize("bias", [True, False])
def test_layers_are_drawn_as_linear_documents_uniform_within_one_over_the_root_of_fan_in(bias):
    parameters = initial(Config(input_dim=256, d_model=512, bias=bias))
    for layer, fan_in in ((parameters["qkv_layer"], 256), (parameters["out_layer"], 512)):
        bound = 1 / math.sqrt(fan_in)
        for part in layer.parameters():
            assert part.abs().max() <= bound
            assert part.abs().max() > 0.98 * bound
            spread = math.sqrt(3 * len(part.flatten()))
            assert abs(part.mean()) < 4 * bound / spread
            assert abs(part.std() / (bound / math.sqrt(3)) - 1) < 0.1
            assert part.dtype == torch.float32
        assert layer.in_features == fan_in


def test_a_fresh_linear_of_torch_keeps_the_same_bounds():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = nn.Linear(256, 1536)
    for part in layer.parameters():
        assert part.abs().max() <= 1 / 16 and part.abs().max() > 0.98 / 16


def test_gain_multiplies_the_first_layer_alone():
    one, four = initial(small()), initial(small(gain=4.0))
    assert torch.equal(four["qkv_layer"].weight, one["qkv_layer"].weight * 4)
    assert torch.equal(four["qkv_layer"].bias, one["qkv_layer"].bias * 4)
    assert torch.equal(four["out_layer"].weight, one["out_layer"].weight)
    assert torch.equal(four["out_layer"].bias, one["out_layer"].bias)
    assert (initial(small(gain=0.0))["qkv_layer"].weight == 0).all()


def test_a_layer_holds_exactly_the_tensors_it_was_given():
    weight, bias = torch.randn((5, 3), generator=torch.Generator().manual_seed(0)), torch.arange(5.0)
    layer = linear(weight, bias)
    assert (layer.in_features, layer.out_features, layer.training) == (3, 5, False)
    assert torch.equal(layer.weight, weight) and torch.equal(layer.bias, bias)
    assert linear(weight.double(), None).weight.dtype == torch.float64
    x = torch.ones(2, 3)
    assert torch.allclose(layer(x), x @ weight.T + bias)


# Kinds of numbers.


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["normal", "words", "given"])
def test_other_kinds_are_casts_of_the_float32_draw(kind, dtype):
    wide, cast = run_kind(kind), run_kind(kind, dtype=dtype)
    want = getattr(torch, dtype)
    assert torch.equal(cast["x"], wide["x"].to(want))
    for name, layer in wide.parameters.items():
        assert torch.equal(cast.parameters[name].weight, layer.weight.to(want))
        assert torch.equal(cast.parameters[name].bias, layer.bias.to(want))


@pytest.mark.parametrize("dtype", DTYPES)
def test_words_in_order_are_the_sum_of_two_casts(dtype):
    plain = words("the cat", positions=False)["x"]
    want = getattr(torch, dtype)
    assert torch.equal(words("the cat", dtype=dtype)["x"], plain.to(want) + sinusoids(2, 13).to(want))


# Words.


def test_the_same_word_has_the_same_row_wherever_it_stands():
    x = words("the cat saw the dog\nrain the", positions=False)["x"]
    assert torch.equal(x[0, 0], x[0, 3]) and torch.equal(x[0, 0], x[1, 1])
    rows = [x[0, 0], x[0, 1], x[0, 2], x[0, 4], x[1, 0]]
    assert all(not torch.equal(one, other) for place, one in enumerate(rows) for other in rows[:place])


def test_repeated_words_keep_rows_of_their_own_where_positions_are_added():
    x = words("the cat saw the dog")["x"]
    plain = words("the cat saw the dog", positions=False)["x"]
    assert not torch.equal(x[0, 0], x[0, 3])
    assert torch.equal(x[0], plain[0] + sinusoids(5, 13).float())


def test_other_words_never_change_a_words_row():
    cat = words("cat", positions=False)["x"][0, 0]
    for text in ("the cat", "dog cat bird", "cat\ncat cat", "🐈 שלום cat"):
        found = words(text, positions=False)
        place = text.split("\n")[0].split().index("cat")
        assert torch.equal(found["x"][0, place], cat)
    assert not torch.equal(words("cat", positions=False, seed=1)["x"][0, 0], cat)
    assert not torch.equal(words("Cat", positions=False)["x"][0, 0], cat)


def test_filling_is_a_row_of_zeros_and_its_position():
    assert (words("a b c\nd", positions=False)["x"][1, 1:] == 0).all()
    assert torch.equal(words("a b c\nd")["x"][1, 1:], sinusoids(3, 13).float()[1:])


@pytest.mark.parametrize("typed", ["<pad>", "<PAD>", "pad", PAD])
def test_no_typed_word_is_taken_for_filling(typed):
    x = words(f"a b c d\n{typed}", positions=False)["x"][1]
    count = len(typed.split())
    assert (x[:count] != 0).all() and (x[count:] == 0).all()


def test_the_vocabulary_stands_in_order_of_first_appearance():
    config = Config(input="words", text="b a b\nc")
    assert vocabulary(config) == ("b", "a", "c", PAD)
    assert run(config).given["token_ids"].tolist() == [[0, 1, 0], [2, 3, 3]]
    assert vocabulary(Config()) == ()


# Positions.


@pytest.mark.parametrize("input_dim", [1, 2, 13, 24])
def test_positions_follow_the_papers_formula(input_dim):
    found = sinusoids(7, input_dim)
    assert found.shape == (7, input_dim) and found.dtype == torch.float64
    for place in range(7):
        for i in range(0, input_dim, 2):
            angle = place / 10000 ** (i / input_dim)
            assert found[place, i].item() == pytest.approx(math.sin(angle), abs=1e-12)
            if i + 1 < input_dim:
                assert found[place, i + 1].item() == pytest.approx(math.cos(angle), abs=1e-12)


# The caller's own.


def test_the_callers_x_runs_as_it_is_and_stays_as_it_was():
    config = small()
    x = own_x(config)
    kept = x.clone()
    trace = run(config, x=x)
    assert torch.equal(trace["x"], kept) and torch.equal(x, kept)
    assert torch.equal(run(config.but(dtype="float64"), x=x.double())["x"], kept.double())


@pytest.mark.parametrize("shape", [(2, 7), (7, 2, 13), (2, 7, 12), (1, 7, 13), ()])
def test_an_x_of_another_shape_is_refused_with_the_right_one(shape):
    with pytest.raises(InputError) as caught:
        run(small(), x=torch.ones(shape))
    assert str(caught.value) == (
        f"x has shape {shape}; with batch_size 2, sequence_length 7 and input_dim 13 it must be (2, 7, 13)."
    )


def test_the_callers_layers_are_those_that_ran_and_stay_as_they_were():
    config = small()
    with torch.random.fork_rng():
        own = {"qkv_layer": nn.Linear(13, 165), "out_layer": nn.Linear(55, 55, bias=False)}
    kept = {name: layer.weight.detach().clone() for name, layer in own.items()}
    trace = run(config, parameters=own)
    assert trace.parameters["qkv_layer"] is own["qkv_layer"]
    assert torch.equal(trace["qkv"], own["qkv_layer"](trace["x"].clone()).detach())
    double = run(config.but(dtype="float64"), parameters=own)
    assert double.parameters["qkv_layer"].weight.dtype == torch.float64
    assert double.parameters["out_layer"].bias is None
    for name, layer in own.items():
        assert layer.weight.dtype == torch.float32 and layer.weight.requires_grad
        assert torch.equal(layer.weight, kept[name])


@pytest.mark.parametrize(
    ("names", "given"),
    [
        pytest.param((), "", id="none"),
        pytest.param(("qkv_layer",), "qkv_layer", id="one missing"),
        pytest.param(("q_layer", "k_layer", "out_layer"), "k_layer, out_layer, q_layer", id="v missing"),
        pytest.param(("qkv_layer", "out_layer", "gate"), "gate, out_layer, qkv_layer", id="one too many"),
        pytest.param(
            ("qkv_layer", "q_layer", "k_layer", "v_layer", "out_layer"),
            "k_layer, out_layer, q_layer, qkv_layer, v_layer",
            id="fused and separate ones",
        ),
    ],
)
def test_layers_that_are_missing_or_too_many_are_named(names, given):
    layers = initial(small())
    own = {name: layers.get(name, layers["qkv_layer"]) for name in names}
    with pytest.raises(InputError) as caught:
        run(small(), parameters=own)
    assert str(caught.value) == (
        f"parameters {f'has {given}' if given else 'is empty'}; give qkv_layer and out_layer, or q_layer, "
        "k_layer, v_layer and out_layer."
    )


def test_a_layer_of_another_shape_is_refused_with_the_right_one():
    own = initial(small())
    own["qkv_layer"] = linear(torch.ones(165, 12), None)
    with pytest.raises(InputError) as caught:
        run(small(), parameters=own)
    assert str(caught.value) == (
        "The weight of qkv_layer has shape (165, 12); with input_dim 13 and d_model 55 it must be (165, 13)."
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_size_may_be_one(layout):
    trace = run(Config(**ONES, layout=layout))
    assert trace["x"].shape == (1, 1, 1)
    assert trace.parameters["qkv_layer"].weight.shape == (3, 1)
    assert words("a", input_dim=1, d_model=1, num_heads=1, layout=layout)["x"].shape == (1, 1, 1)

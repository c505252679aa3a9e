"""What holds at any sizes: parity with PyTorch, origins, listing, packing, converters."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from hypothesis import given, note
from hypothesis import strategies as st

from mha_core import Config, run, to_per_head, to_stacked
from mha_core.attention import join, softmax
from mha_core.axes import WORDS, edges, shape_of, split_index
from mha_core.config import DTYPES, LAYOUTS, MASKS, PAD, divisors
from mha_core.errors import ConfigError
from mha_core.figures.cells import describe
from mha_core.figures.to_bytes import run_bytes, unpack, unpacked
from mha_core.inputs import linear
from mha_core.listing import FILLED, code, filled
from mha_core.masks import hidden
from mha_core.origins import boxes, fed, item_sizes, labels, one_item, read, roots
from mha_core.run import pipeline_for
from mha_core.stage import made_names
from tests.core.grid import assert_near, hidden_by_loop, one_hot, own_x, same
from tests.core.test_bytes import bits, plain
from tests.core.test_listing import executed
from tests.core.test_origins import influence, painted


@st.composite
def configs(draw, largest=7, dtypes=DTYPES):
    """Any small run: sizes from 1, every mask and layout, lengths from 0, numbers or words."""
    heads, head_dim = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    batch, token = draw(st.integers(1, 3)), draw(st.integers(1, largest))
    sizes = {"num_heads": heads, "d_model": heads * head_dim, "input_dim": draw(st.integers(1, largest))}
    if draw(st.booleans()):
        words = st.lists(st.sampled_from(["a", "b", "cat", "<b>", "🐈", "שלום"]), min_size=1, max_size=token)
        lines = draw(st.lists(words, min_size=batch, max_size=batch))
        sizes |= {"input": "words", "text": "\n".join(map(" ".join, lines)), "positions": draw(st.booleans())}
        token = max(map(len, lines))
    return Config(
        **{"batch_size": batch, "sequence_length": token, **sizes},
        lengths=tuple(draw(st.lists(st.integers(0, token), max_size=batch))),
        bias=draw(st.booleans()),
        layout=draw(st.sampled_from(list(LAYOUTS))),
        mask=draw(st.sampled_from(list(MASKS))),
        gain=draw(st.sampled_from([0.0, 1.0, 4.0])),
        seed=draw(st.integers(0, 2**31 - 1)),
        dtype=draw(st.sampled_from(list(dtypes))),
    )


@given(configs(dtypes=["float64", "float32"]))
def test_the_whole_equals_pytorch(config):
    trace = run(config)
    fused, last = trace.parameters["qkv_layer"], trace.parameters["out_layer"]
    if config.layout == "per_head":
        fused = to_stacked(fused, config.num_heads)
    biases = fused.bias.chunk(3) if config.bias else (None, None, None)
    q, k, v = (
        F.linear(trace["x"], weight, bias).unflatten(-1, (config.num_heads, -1)).transpose(1, 2)
        for weight, bias in zip(fused.weight.chunk(3), biases, strict=True)
    )
    kept = ~hidden_by_loop(config.mask, config.item_lengths, config.sequence_length)[:, None]
    context = F.scaled_dot_product_attention(q, k, v, attn_mask=kept)
    seen = kept.any(-1, keepdim=True)  # a wholly masked row is NaN here and 0 there
    out = F.linear(context.transpose(1, 2).flatten(2), last.weight, last.bias)
    out = out.masked_fill(~seen[:, 0], float("nan"))
    tolerance = {"float64": 1e-12, "float32": 1e-5}[config.dtype] * max(1.0, config.gain)
    assert_near(trace["context"], context.masked_fill(~seen, float("nan")), tolerance)
    assert_near(trace["out"], out, tolerance)


@given(configs())
def test_rows_of_weights_are_shares_and_hidden_keys_get_none(config):
    trace = run(config)
    by_hand = hidden_by_loop(config.mask, config.item_lengths, config.sequence_length)
    assert torch.equal(trace["mask"][:, 0], by_hand)
    weights, seen = trace["weights"].double(), ~by_hand.all(-1)[:, None].expand(-1, config.num_heads, -1)
    assert torch.equal(weights.isnan().any(-1), ~seen)
    assert (weights[seen].sum(-1) - 1).abs().max() < 0.02 if seen.any() else True
    assert (weights[by_hand[:, None].expand_as(weights)].nan_to_num() == 0).all()


@given(configs(), st.data())
def test_a_range_of_a_mask_is_the_range_of_the_whole(config, data):
    part = []
    for size in (config.batch_size, config.sequence_length, config.sequence_length):
        low = data.draw(st.integers(0, size - 1))
        part.append(slice(low, data.draw(st.integers(low + 1, size))))
    whole = run(config)["mask"]
    assert torch.equal(hidden(config, *part), whole[part[0], :, part[1], part[2]])


@given(configs())
def test_every_shown_text_makes_the_numbers_of_the_run(config):
    trace = run(config)
    for stage in trace.pipeline:
        for text, without in ((code(stage), ()), (filled(stage, trace.given), FILLED)):
            note(text)
            for made, tensor in zip(stage.makes, executed(trace, stage, text, without), strict=True):
                assert same(tensor, trace[made.name])


@given(configs(largest=5), st.data())
def test_a_cell_reads_and_feeds_what_changes_with_it(config, data):
    x = own_x(config)
    x[0, 0, 0] = data.draw(st.sampled_from([0.5, float("nan"), float("inf")]))
    trace = run(config, x=x)
    item = data.draw(st.integers(0, config.batch_size - 1))
    available = one_item(trace, item)
    stage = data.draw(st.sampled_from(trace.pipeline[1:]))
    note(stage.key)
    by_force = influence(stage, available)
    if stage.run is softmax and config.sequence_length == 1:
        by_force = {
            "masked": torch.eye(config.num_heads, dtype=torch.bool)
        }  # always 1, and read all the same
    shapes = {made.name: tuple(shape_of(made.axes, {**config.sizes, "batch": 1})) for made in stage.makes}
    column = 0
    for name, shape in shapes.items():
        count = torch.Size(shape).numel()
        flat = data.draw(st.integers(0, count - 1))
        cell = tuple(int(place) for place in torch.unravel_index(torch.tensor(flat), shape))
        for source, found in read(stage, {name: one_hot(shape, cell)}, available).items():
            assert torch.equal(found.flatten(), by_force[source][:, column + flat])
        column += count
    for source, matrix in by_force.items():
        row = data.draw(st.integers(0, len(matrix) - 1))
        leaf = available[source].shape if "." not in source else None
        if leaf is None:
            layer, part = source.split(".")
            leaf = getattr(available[layer], part).shape
        cell = tuple(int(place) for place in torch.unravel_index(torch.tensor(row), tuple(leaf)))
        marks = fed(stage, {source: one_hot(tuple(leaf), cell)}, available)
        assert torch.equal(torch.cat([marks[name].flatten() for name in shapes]), matrix[row])


@given(configs(largest=5), st.data())
def test_packed_numbers_come_back_to_the_bit(config, data):
    trace = run(config)
    item = data.draw(st.integers(0, config.batch_size - 1))
    header, buffers = unpack(run_bytes(trace, describe(trace, item)))
    assert [tensor["name"] for tensor in header["tensors"]] == list(trace.names)
    for tensor in header["tensors"]:
        real = trace[tensor["name"]]
        (piece,) = tensor["pieces"]
        found = unpacked(piece, buffers)
        found = found.astype(bool) if real.dtype == torch.bool else found
        assert bits(found) == bits(plain(real[item : item + 1])), tensor["name"]
        assert tensor["shape"] == list(real.shape)


@given(configs())
def test_labels_agree_with_walking_along_the_axes(config):
    pipeline, sizes = pipeline_for(config), item_sizes(config.sizes)
    rows = {made.name: made for stage in pipeline for made in stage.makes}
    for name in made_names(pipeline):
        for paint, words in (("token", ("token", "query", "key")), ("head", ("head",)), ("role", ("qkv",))):
            found = labels(pipeline, sizes, name, paint)
            axes = edges(rows[name].axes)
            here = [
                (axis, edge, word) for axis, edge in enumerate(axes) for word in edge.words if word in words
            ]
            if len(here) != 1:
                continue  # none: labels says which root answers; two: a score is made of two tokens
            ((axis, edge, word),) = here
            along = torch.tensor(
                [
                    split_index(edge, i, dict(sizes))[word]
                    for i in range(shape_of(rows[name].axes, dict(sizes))[axis])
                ]
            )
            shape = roots(pipeline, sizes)[name][1].shape
            wanted = along.view([-1 if place == axis else 1 for place in range(len(axes))]).expand(shape)
            assert torch.equal(found.expand(shape), wanted), (name, paint)


@given(st.integers(1, 4), st.data())
def test_boxes_painted_back_are_the_marks(axes, data):
    shape = tuple(data.draw(st.integers(1, 5)) for _ in range(axes))
    flags = data.draw(
        st.lists(st.booleans(), min_size=torch.Size(shape).numel(), max_size=torch.Size(shape).numel())
    )
    marks = torch.tensor(flags).reshape(shape)
    assert torch.equal(painted(boxes(marks), shape), marks)


@given(st.fixed_dictionaries({axis: st.integers(1, 5) for axis in ("batch", "token", "head", "head_dim")}))
def test_joining_the_heads_undoes_splitting_them(sizes):
    batch, token, head, head_dim = sizes.values()
    x = torch.arange(batch * token * head * head_dim).reshape(batch, token, -1)
    heads = x.unflatten(-1, (head, head_dim)).transpose(1, 2)
    assert torch.equal(join(heads, batch, token, head * head_dim), x)


@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 5), st.booleans())
def test_converters_undo_each_other(heads, head_dim, input_dim, bias):
    rows = 3 * heads * head_dim
    layer = linear(
        torch.arange(float(rows * input_dim)).reshape(rows, input_dim),
        torch.arange(float(rows)) if bias else None,
    )
    for first, second in ((to_stacked, to_per_head), (to_per_head, to_stacked)):
        there = first(layer, heads)
        back = second(there, heads)
        assert torch.equal(back.weight, layer.weight)
        assert torch.equal(there.weight.sort(0)[0], layer.weight)
        assert not bias or torch.equal(back.bias, layer.bias)


@given(configs(dtypes=["float64"]))
def test_both_layouts_compute_the_same(config):
    one, other = (run(config.but(layout=layout)) for layout in LAYOUTS)
    for name in ("q", "k", "v", "scores", "weights", "out"):
        assert_near(one[name], other[name], 1e-11)


@given(st.integers(1, 4096), st.integers(1, 64))
def test_a_config_takes_heads_that_divide_and_names_some_that_do_otherwise(d_model, num_heads):
    if d_model % num_heads == 0:
        assert Config(d_model=d_model, num_heads=num_heads).head_dim * num_heads == d_model
        return
    try:
        Config(d_model=d_model, num_heads=num_heads)
    except ConfigError as error:
        assert error.nearest in divisors(d_model)
        assert str(error.nearest) in str(error)
        assert replace(Config(), d_model=d_model, num_heads=error.nearest).d_model == d_model
    else:
        raise AssertionError("it was taken")


@given(st.text(max_size=300))
def test_any_text_becomes_words_or_a_sentence(text):
    try:
        config = Config(input="words", text=text, input_dim=2, d_model=2, num_heads=1)
    except ConfigError as error:
        assert error.setting == "text" and str(error).endswith(".")
    else:
        assert [word for line in config.words for word in line if word != PAD] == text.split()
        assert run(config)["x"].shape == (config.batch_size, config.sequence_length, 2)


@given(
    st.permutations([word for word in WORDS if word not in ("1", "token", "query", "key")]), st.integers(1, 7)
)
def test_an_index_taken_apart_is_put_together_again(words, cut):
    (edge,) = edges(f"({' '.join(words[:cut])})")
    sizes = {word: place + 2 for place, word in enumerate(words)}
    (total,) = shape_of(f"({' '.join(words[:cut])})", sizes)
    for index in {0, 1, total // 2, total - 1}:
        flat = 0
        for word, place in split_index(edge, index, sizes).items():
            assert 0 <= place < sizes[word]
            flat = flat * sizes[word] + place
        assert flat == index

"""What other libraries call things: no name that their source does not have, and one name a tensor."""

import inspect
import re
from dataclasses import fields

import pytest
import torch
from torch import nn

from mha_core import Config, run
from mha_core.config import LAYOUTS
from mha_core.names import LIBRARIES, UNNAMED, Also
from mha_core.run import pipeline_for
from tests.core.grid import small

# Every name of the attention in the files that LIBRARIES names, read there.
IN_THE_SOURCE = {
    "paper": {
        *("Q", "K", "V", "W^Q", "W^K", "W^V", "W^O", "Q·W^Q", "K·W^K", "V·W^V", "QKᵀ", "QKᵀ/√d_k"),
        *("softmax(QKᵀ/√d_k)", "head_i", "Concat(head_1, …, head_h)", "MultiHead(Q, K, V)"),
    },
    "gpt2": {
        *("hidden_states", "c_attn", "c_proj", "query_states", "key_states", "value_states"),
        *("attention_mask", "attn_weights", "attn_output"),
    },
    "bert": {
        *("hidden_states", "query", "key", "value", "query_layer", "key_layer", "value_layer"),
        *("attention_mask", "attention_scores", "attention_probs", "context_layer", "output.dense"),
    },
    "neox": {
        *("hidden_states", "query_key_value", "dense", "qkv", "query_states", "key_states", "value_states"),
        *("attention_mask", "attn_weights", "attn_output"),
    },
    "nanogpt": {"x", "c_attn", "c_proj", "q", "k", "v", "bias", "att", "y"},
    "llama": {
        *("hidden_states", "q_proj", "k_proj", "v_proj", "o_proj", "query_states", "key_states"),
        *("value_states", "attention_mask", "attn_weights", "attn_output"),
    },
}


def names(also: Also, library: str) -> list[str]:
    return [name for name in re.split(r", (?![^(]*\))", getattr(also, library)) if name]


def rows(layout: str) -> dict[str, Also]:
    """Everything that has a row of its own in the table, by our name."""
    pipeline = pipeline_for(small(layout=layout, mask="both"))
    layers = {layer.name: layer.also for stage in pipeline for layer in stage.layers}
    return layers | {made.name: made.also for stage in pipeline for made in stage.makes}


def used(library: str) -> set[str]:
    return {name for layout in LAYOUTS for also in rows(layout).values() for name in names(also, library)}


def test_every_library_has_a_field_and_is_used():
    assert [field.name for field in fields(Also)] == [*LIBRARIES]
    assert len(UNNAMED.in_order()) == len(LIBRARIES)
    assert len({facts.read_in for facts in LIBRARIES.values()}) == len(LIBRARIES), "each in its own source"
    for library, facts in LIBRARIES.items():
        assert used(library), library
        assert facts.label and facts.read_in and facts.layout in (*LAYOUTS, "separate")


@pytest.mark.parametrize("library", IN_THE_SOURCE)
def test_no_name_is_used_that_was_not_read(library):
    assert used(library) == IN_THE_SOURCE[library]


def test_the_names_of_torch_are_in_the_source_of_torch():
    source = "".join(
        inspect.getsource(each)
        for each in (
            nn.MultiheadAttention,
            nn.functional.multi_head_attention_forward,
            nn.functional._in_projection_packed,
        )
    )
    words = {*re.findall(r"\w+", re.sub(r'""".*?"""', "", source, flags=re.DOTALL))}
    assert used("torch") <= words
    assert "attention_probs" not in words, "any word would do"


def test_parameters_of_torch_are_called_as_the_rows_say():
    module = nn.MultiheadAttention(55, 5)
    assert used("torch") >= {"in_proj_weight", "in_proj_bias", "out_proj"}
    assert {name.split(".")[0] for name, _ in module.named_parameters()} == {
        *names(rows("stacked")["qkv_layer"], "torch"),
        *names(rows("stacked")["out_layer"], "torch"),
    }


def test_a_tensor_is_called_the_same_in_both_layouts():
    one, other = rows("per_head"), rows("stacked")
    for name in one.keys() & other.keys():
        assert one[name] == other[name], name
    assert {*one} - {*other} == {"reshape", "permute"}
    # what torch calls q is there before the split and after it
    assert other["q_all"].torch == other["q"].torch == "q"


def split_as_gpt2(qkv, d, h):
    return [each.view(1, 7, h, d).transpose(1, 2) for each in qkv.split(h * d, dim=2)]


READ = {
    # the very lines of the three libraries; what GPT-NeoX calls qkv is our permute
    "neox": lambda qkv, d, h: qkv.view(1, 7, h, 3 * d).transpose(1, 2).chunk(3, dim=-1),
    "gpt2": split_as_gpt2,
    "nanogpt": split_as_gpt2,
}


@pytest.mark.parametrize("library", READ)
def test_a_fused_library_reads_the_layout_that_its_row_names(library):
    for layout in LAYOUTS:
        trace = run(Config(sequence_length=7, input_dim=13, d_model=55, num_heads=5, layout=layout))
        read = READ[library](trace["qkv"], 11, 5)
        agrees = [torch.equal(mine, trace[name]) for mine, name in zip(read, "qkv", strict=True)]
        assert agrees == [layout == LIBRARIES[library].layout] * 3


def test_torch_reads_the_layout_that_its_row_names():
    for layout in LAYOUTS:
        trace = run(Config(sequence_length=7, input_dim=55, d_model=55, num_heads=5, layout=layout))
        module = nn.MultiheadAttention(55, 5, batch_first=True).eval()
        fused, out = trace.parameters["qkv_layer"], trace.parameters["out_layer"]
        module.in_proj_weight, module.in_proj_bias = fused.weight, fused.bias
        module.out_proj.weight, module.out_proj.bias = out.weight, out.bias
        with torch.inference_mode():
            read, _ = module(trace["x"], trace["x"], trace["x"])
        assert torch.allclose(read, trace["out"], atol=1e-5) == (layout == LIBRARIES["torch"].layout)


def test_three_layers_have_three_names():
    for library, facts in LIBRARIES.items():
        three = len(names(rows("stacked")["qkv_layer"], library)) == 3
        assert three == (facts.layout == "separate"), library

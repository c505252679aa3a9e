"""A run and its record: names, windows, devices, the caller's own."""

import operator
import sys
from dataclasses import FrozenInstanceError

import pytest
import torch

import mha_core
from mha_core import PIPELINES, Config, ExplorerError, devices, run
from mha_core.attention import compare, softmax
from mha_core.errors import PipelineError, ShapeError, WindowError
from mha_core.run import pipeline_for
from tests.core.grid import INPUTS, faulty_join, join_without_permute, run_kind, same, small, with_run

run_module = sys.modules["mha_core.run"]  # the package hands on the function under the same name

NAMES = {
    "per_head": "x qkv reshape permute q k v mask scores scaled masked weights context concat out",
    "stacked": (
        "x qkv q_all k_all v_all q_split k_split v_split q k v "
        "mask scores scaled masked weights context concat out"
    ),
}


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("layout", NAMES)
def test_the_names_of_tensors_and_parameters_are_these(layout, kind):
    trace = run_kind(kind, layout=layout)
    assert " ".join(trace.names) == NAMES[layout]
    assert list(trace.tensors) == list(trace.names)
    assert list(trace.parameters) == ["qkv_layer", "out_layer"]


def test_there_are_two_pipelines():
    assert list(PIPELINES) == list(NAMES)
    for layout, pipeline in PIPELINES.items():
        for stage in pipeline:
            assert stage in pipeline_for(small(layout=layout))


def test_the_public_names_are_these():
    names = (
        "Config ExplorerError Made PER_HEAD PIPELINES STACKED Stage Trace devices from_torch fuse run swap"
    )
    assert set(mha_core.__all__) == {*names.split(), "to_per_head", "to_stacked"}
    assert all(hasattr(mha_core, name) for name in mha_core.__all__)


TUTORIAL = {
    "x": (1, 4, 512),
    "qkv": (1, 4, 1536),
    "reshape": (1, 4, 8, 192),
    "permute": (1, 8, 4, 192),
    "q": (1, 8, 4, 64),
    "k": (1, 8, 4, 64),
    "v": (1, 8, 4, 64),
    "mask": (1, 1, 4, 4),
    "scores": (1, 8, 4, 4),
    "scaled": (1, 8, 4, 4),
    "masked": (1, 8, 4, 4),
    "weights": (1, 8, 4, 4),
    "context": (1, 8, 4, 64),
    "concat": (1, 4, 512),
    "out": (1, 4, 512),
}


def test_a_config_without_settings_runs_at_the_tutorials_sizes():
    trace = run(Config())
    assert {name: tuple(trace[name].shape) for name in trace.names} == TUTORIAL
    assert all(trace[name].dtype == torch.float32 for name in trace.names if name != "mask")
    assert trace.config.head_dim == 64
    assert trace.notes == ()


def test_it_is_used_in_a_notebook_like_this():
    trace = run(Config(sequence_length=6, num_heads=4, mask="causal", seed=1))
    assert trace["scores"].shape == trace["weights"].shape == (1, 4, 6, 6)
    assert trace.parameters["qkv_layer"].weight.shape == (1536, 512)
    window = trace.window("weights", batch=0, head=slice(0, 2), query=slice(0, 4), key=slice(0, 4))
    assert torch.equal(window, trace["weights"][0, :2, :4, :4])


@pytest.mark.parametrize("kind", INPUTS)
def test_the_same_settings_give_the_same_bits(kind):
    first, second = run_kind(kind, mask="both"), run_kind(kind, mask="both")
    assert all(same(first[name], second[name]) for name in first.names)
    third = run_kind(kind, mask="both", seed=1)
    assert not same(first["out"], third["out"])


def test_a_tensor_that_a_run_does_not_have_is_refused_with_those_it_has():
    trace = run(small())
    with pytest.raises(PipelineError) as caught:
        trace["score"]
    assert (
        str(caught.value)
        == f"No stage makes 'score'; the tensors are {NAMES['per_head'].replace(' ', ', ')}."
    )
    assert trace.made("scores").axes == "batch head query key"
    assert trace.stage("scores").run is compare


def test_a_record_cannot_be_changed():
    trace = run(small())
    with pytest.raises(FrozenInstanceError):
        trace.config = small(seed=1)
    for part, key in ((trace.tensors, "x"), (trace.parameters, "qkv_layer"), (trace.given, "num_heads")):
        assert key in part
        with pytest.raises(TypeError):
            operator.setitem(part, key, None)
    assert not trace["out"].requires_grad


def test_our_errors_are_value_errors_with_template_and_facts():
    with pytest.raises(ValueError, match="7") as caught:
        Config(num_heads=7)
    assert isinstance(caught.value, ExplorerError)
    assert caught.value.facts["d_model"] == 512
    assert "{d_model}" in caught.value.template


# Windows.


@pytest.mark.parametrize(
    ("name", "ranges", "index"),
    [
        ("x", {}, ...),
        ("x", {"input_dim": 12}, (..., 12)),
        ("qkv", {"head_qkv_head_dim": slice(33, 66)}, (..., slice(33, 66))),
        ("reshape", {"head": 4, "qkv_head_dim": slice(0, 11)}, (slice(None), slice(None), 4, slice(0, 11))),
        (
            "concat",
            {"head_head_dim": slice(None, 11), "query": slice(6, None)},
            (slice(None), slice(6, 7), slice(0, 11)),
        ),
        ("mask", {"1": 0, "batch": 1}, (1, 0)),
        ("mask", {"1": slice(0, 1)}, ...),
        ("weights", {"batch": 1, "head": 2, "query": 3, "key": 4}, (1, 2, 3, 4)),
        (
            "weights",
            {"key": slice(2, 5), "batch": slice(0, 1)},
            (slice(0, 1), slice(None), slice(None), slice(2, 5)),
        ),
        ("weights", {"key": slice(0, 7, 1)}, ...),
    ],
)
def test_a_window_is_the_same_part_that_torch_gives(name, ranges, index):
    trace = run(small(mask="causal"))
    assert torch.equal(trace.window(name, **ranges), trace[name][index])


def test_a_window_shares_the_memory_of_its_tensor():
    trace = run(small())
    assert (
        trace.window("q", head=slice(1, 3)).untyped_storage().data_ptr()
        == trace["qkv"].untyped_storage().data_ptr()
    )


def test_an_axis_that_the_tensor_does_not_have_is_refused_with_those_it_has():
    trace = run(small())
    with pytest.raises(WindowError) as caught:
        trace.window("concat", head=0)
    assert str(caught.value) == "'concat' has no axis 'head'; its axes are batch, query, head_head_dim."
    with pytest.raises(PipelineError, match="No stage makes 'weight'"):
        trace.window("weight")


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (7, "7"),
        (-1, "-1"),
        (slice(0, 8), "0:8"),
        (slice(-2, None), "-2:7"),
        (slice(0, -1), "0:-1"),
        (slice(7, None), "7:7"),
        (slice(5, 3), "5:3"),
        (slice(0, 0), "0:0"),
        (slice(3, 0), "3:0"),
        (slice(3, 3), "3:3"),
    ],
)
def test_a_window_that_is_empty_or_outside_is_refused_with_what_there_is(wanted, shown):
    trace = run(small())
    assert trace.window("weights", key=6).shape == trace.window("weights", key=slice(6, 7)).shape[:-1]
    with pytest.raises(WindowError) as caught:
        trace.window("weights", key=wanted)
    assert str(caught.value) == (
        f"The window {shown} of axis 'key' is empty or outside 'weights': it has 7, so 0 to 6."
    )


@pytest.mark.parametrize("step", [2, -1])
def test_a_window_takes_every_index(step):
    with pytest.raises(WindowError) as caught:
        run(small()).window("weights", key=slice(None, None, step))
    assert (
        str(caught.value)
        == f"The window of axis 'key' has step {step}; a window of 'weights' takes every index."
    )


# Devices.


def test_the_cpu_is_always_there_and_stands_first():
    assert devices()[0] == "cpu"
    assert len(devices()) == 1 + torch.accelerator.is_available()


def test_a_missing_device_falls_back_to_the_cpu_with_a_sentence():
    missing = next(name for name in ("mps", "xpu", "cuda") if name not in devices())
    for device in (missing, f"{missing}:0"):
        trace = run(small(device=device))
        assert trace.notes == (
            f"The device {device} is not there; this run took place on the CPU. "
            f"Here there is {', '.join(devices())}.",
        )
        assert trace.config.device == "cpu" and trace["out"].device.type == "cpu"
        assert same(trace["out"], run(small())["out"])


def test_a_device_without_memory_falls_back_to_the_cpu_with_a_sentence():
    refusals = []

    def softmax_that_runs_out_once(masked):
        if not refusals:
            refusals.append(masked.shape)
            raise torch.OutOfMemoryError("no memory")
        return softmax(masked)

    config = small()
    trace = run(config, pipeline=with_run(config, softmax, softmax_that_runs_out_once, "weights"))
    assert len(refusals) == 1
    assert trace.notes == ("The device cpu has too little memory for this run; it took place on the CPU.",)
    assert same(trace["out"], run(config)["out"])


class Kind:
    type = "mps"


def with_a_device(monkeypatch, fault):
    """Pretend that there is one device `mps`, on which every run ends in a fault."""
    on_the_cpu = run_module._run_on
    asked = []

    def run_on(config, *given):
        asked.append(config.device)
        if config.device.startswith("mps"):
            raise fault
        return on_the_cpu(config, *given)

    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", Kind)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 1)
    monkeypatch.setattr(run_module, "_run_on", run_on)
    return asked


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (
            TypeError("Cannot convert a MPS Tensor to float64 dtype as it has none. Use float32."),
            "Cannot convert a MPS Tensor to float64 dtype as it has none. Use float32.",
        ),
        (RuntimeError("invalid device ordinal\nerrors may be reported later"), "invalid device ordinal"),
        (NotImplementedError("x" * 500), "x" * 200),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_a_device_that_refuses_falls_back_to_the_cpu_with_a_sentence(monkeypatch, fault, reason):
    asked = with_a_device(monkeypatch, fault)
    trace = run(small(device="mps", dtype="float64"))
    assert asked == ["mps", "cpu"]
    assert trace.notes == (
        "The device mps cannot do this run in float64; it took place on the CPU. The device says: " + reason,
    )
    assert trace.config.device == "cpu"
    assert same(trace["out"], run(small(dtype="float64"))["out"])


def test_a_device_with_a_number_that_is_not_there_falls_back_to_the_cpu_with_a_sentence(monkeypatch):
    asked = with_a_device(monkeypatch, AssertionError("never asked"))
    trace = run(small(device="mps:99"))
    assert asked == ["cpu"]
    assert trace.notes == (
        "The device mps:99 is not there; this run took place on the CPU. Here mps is numbered 0 to 0.",
    )


def test_a_fault_of_a_stage_is_no_fault_of_the_device(monkeypatch):
    runs = []

    def compare_text(q, k):
        runs.append(q.shape)
        raise TypeError("a fault of our own")

    config = small()
    pipeline = with_run(config, compare, compare_text, "scores")
    with pytest.raises(TypeError, match="a fault of our own"):
        run(config, pipeline=pipeline)
    assert len(runs) == 1  # no other device would do better
    asked = with_a_device(monkeypatch, TypeError("a fault of our own"))
    with pytest.raises(TypeError, match="a fault of our own"):
        run(config.but(device="mps"), pipeline=pipeline)
    assert asked == ["mps", "cpu"]  # and on the CPU it shows


# With and without a bias.


@pytest.mark.parametrize("layout", NAMES)
@pytest.mark.parametrize("bias", [True, False])
def test_formula_and_reason_are_those_of_layers_with_or_without_a_bias(layout, bias):
    trace = run(small(layout=layout, bias=bias))
    for name, layer in (("qkv", "qkv_layer"), ("out", "out_layer")):
        stage = trace.stage(name)
        assert (trace.parameters[layer].bias is not None) == bias
        assert ("b_{" in stage.formula) == bias
        assert ("plus a bias" in stage.why) == (bias and name == "qkv")
        assert stage.worked is not None and stage.formula.startswith(r"\mathrm{" + name)
    assert trace.pipeline == pipeline_for(trace.config)


def test_the_layers_say_whether_there_is_a_bias():
    with_bias, without = (run(small(bias=bias)).parameters for bias in (True, False))
    trace = run(small(bias=True), parameters=without)
    assert not trace.config.bias and trace.pipeline == pipeline_for(small(bias=False))
    trace = run(small(bias=False), parameters=with_bias)
    assert trace.config.bias and trace.pipeline == pipeline_for(small())
    mixed = {**without, "out_layer": with_bias["out_layer"]}
    trace = run(small(bias=False), parameters=mixed)
    assert trace.config.bias
    assert "b_{" not in trace.stage("qkv").formula and "b_{" in trace.stage("out").formula
    own = run(small(), parameters=without, pipeline=faulty_join(small()))
    assert "b_{" not in own.stage("qkv").formula and own.stage("concat").run is join_without_permute


# Another pipeline.


def test_a_pipeline_of_the_callers_own_is_what_runs():
    config = small()
    trace = run(config, pipeline=faulty_join(config))
    assert trace.stage("concat").run is join_without_permute
    assert not same(trace["concat"], run(config)["concat"])
    assert same(trace["context"], run(config)["context"])


def test_a_fault_of_shape_leaves_the_tensors_made_until_then():
    config = small()

    def compare_with_three_keys(q, k):
        return (q @ k.transpose(-2, -1))[..., :3]

    with pytest.raises(ShapeError) as caught:
        run(config, pipeline=with_run(config, compare, compare_with_three_keys, "scores"))
    assert list(caught.value.tensors) == NAMES["per_head"].split()[:9]
    assert "shape (2, 5, 7, 3); its axes 'batch head query key' say (2, 5, 7, 7)" in str(caught.value)

"""The script to take home, run in a process of its own: every tensor has the bits that were shown."""

import ast
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from mha_core import Config, from_torch, run, swap
from mha_core.attention import join
from mha_core.errors import InputError
from mha_core.inputs import initial
from mha_core.presets import PRESETS
from mha_core.run import pipeline_for
from mha_core.stage import maker_of
from mha_core.takeaway import compare
from mha_core.takeaway.script import script
from tests.core.grid import INPUTS, ONES, join_without_permute, layouts_and_masks, own_x, same, small

HOSTILE = (
    'a"b\\ \'\'\' """ {x} #%% <script> </script> \\N{BULLET} \\u202e %s $y\n'
    "\u202eevil\u2066 שלום مرحبا 🙂👩\u200d🚀 \u00e9 e\u0301 \x01\x7f =1+1 -2 @x __import__('os') 日本"
)

# what a script is given to run in: the tensors are saved under a path that it does not know
DRIVER = """
import sys, torch
for path in sys.argv[1:]:
    space = {}
    print("@", path)
    exec(compile(open(path + ".py", encoding="utf-8").read(), path, "exec"), space)
    torch.set_grad_enabled(True)
    torch.save(({name: space[name] for name in space["shown"]}, space["shown"]), path + ".pt")
"""


def executed(folder, texts):
    """Run scripts in one process without mha_core; their tensors, what they hold of them, what they said."""
    folder.mkdir(exist_ok=True)
    paths = [str(folder / str(number)) for number, _ in enumerate(texts)]
    for path, text in zip(paths, texts, strict=True):
        with open(f"{path}.py", "w", encoding="utf-8") as file:
            file.write(text)
    done = subprocess.run(
        [sys.executable, "-I", "-c", DRIVER, *paths], capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    said = re.split(r"^@ .*\n", done.stdout, flags=re.MULTILINE)[1:]
    return [(*torch.load(f"{path}.pt"), lines) for path, lines in zip(paths, said, strict=True)]


def assert_same_bits(trace, tensors, shown, said):
    __tracebackhide__ = True
    assert list(tensors) == list(shown) == list(trace.names)
    for name in trace.names:
        flat = trace[name].flatten()
        shape, _, samples = shown[name]
        assert shape == tuple(trace[name].shape)
        assert min(samples) == 0 and max(samples) == len(flat) - 1 and len(samples) == min(5, len(flat))
        assert same(torch.tensor([*samples.values()], dtype=flat.dtype), flat[[*samples]]), name
        assert same(tensors[name], trace[name]), name
    rows = said.splitlines()
    assert [row.split()[0] for row in rows] == list(trace.names)
    assert {row.split(maxsplit=1)[1] for row in rows} == {"same bits"}


def cases():
    """Settings of every preset, and a grid, each with what it is called."""
    for name, preset in PRESETS.items():
        yield name, preset.config
    for at, (layout, mask) in enumerate(layouts_and_masks()):
        dtype = ("float32", "float64", "bfloat16", "float16")[at % 4]
        kind = list(INPUTS)[at % 3]  # the caller's own input has a test of its own
        settings = {"layout": layout, "mask": mask, "dtype": dtype, "bias": at % 2 == 0, "gain": 1.0 + at}
        name = f"{layout}, {mask}, {dtype}, {kind}"
        yield name, small(**INPUTS[kind], **settings, lengths=(7, 4), seed=at)
    yield "sizes of one", Config(**ONES, mask="both")
    yield "no real token", small(mask="both", lengths=(0, 4))
    yield "hostile words", Config(input="words", text=HOSTILE, input_dim=6, d_model=10, num_heads=2)
    planted = PRESETS["sentence"].config
    yield "planted, hostile", planted.but(text=HOSTILE, mask="both", layout="stacked")
    yield "planted, bfloat16", planted.but(dtype="bfloat16", jobs=("previous", "uniform"))


CASES = dict(cases())


@pytest.fixture(scope="module")
def ran(tmp_path_factory, one_thread):
    """The run of each case, the tensors of its script, and what the script said."""
    traces = [run(config) for config in CASES.values()]
    texts = [script(trace, "https://example.org/?v=1") for trace in traces]
    found = zip(traces, texts, executed(tmp_path_factory.mktemp("scripts"), texts), strict=True)
    return dict(zip(CASES, found, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_the_script_makes_the_very_bits_that_were_shown(ran, name):
    trace, _, found = ran[name]
    assert_same_bits(trace, *found)


def test_layers_that_were_drawn_are_drawn_again_in_every_kind_of_number(ran):
    for name, (trace, text, _) in ran.items():
        assert ("layers = initial(config)" in text) == (trace.config.weights == "initial"), name


def test_a_trace_of_the_callers_own_input_and_weights_is_carried(tmp_path):
    config = small(mask="both", lengths=(7, 4), bias=False)
    module = nn.MultiheadAttention(12, 3, batch_first=True).double()
    their_config, their_layers = from_torch(module, sequence_length=7, batch_size=2)
    theirs = run(their_config, own_x(their_config).double(), their_layers)
    mine = run(config, own_x(config))
    faulty = run(config, pipeline=_with_fault(config))
    layers = initial(small())  # drawn, but for one bias
    layers["out_layer"].bias.data += 1
    runs = [theirs, mine, faulty, run(small(), parameters=layers)]
    for trace, found in zip(runs, executed(tmp_path, [*map(script, runs)]), strict=True):
        assert_same_bits(trace, *found)


def _with_fault(config):
    stage = maker_of(pipeline_for(config), "concat")[0]
    return swap(pipeline_for(config), join, replace(stage, run=join_without_permute))


def test_what_is_too_large_to_carry_is_refused():
    config = small(input_dim=300, sequence_length=128, batch_size=64)
    with pytest.raises(InputError, match="x is not drawn from the seed and holds 9830400 bytes"):
        script(run(config, own_x(config)))


def test_other_numbers_and_other_sizes_are_told(tmp_path):
    trace = run(small(mask="causal"))
    text = script(trace)
    other = text.replace("seed=0", "seed=1").replace('seed_of(0, "x")', 'seed_of(1, "x")')
    shorter = text.replace("sequence_length = 7", "sequence_length = 5")
    hidden = text.replace('float("-inf")', 'float("-1e9")')
    assert text not in (other, shorter, hidden)
    (*_, of_other), (*_, of_shorter), (tensors, _, of_hidden) = executed(tmp_path, [other, shorter, hidden])
    assert re.search(r"^x +other bits; the largest difference in 5 numbers is \d", of_other, re.MULTILINE)
    assert "qkv        another shape: (2, 5, 165), and shown was (2, 7, 165)" in of_shorter
    assert "scaled     same bits" in of_hidden
    # five numbers are looked at, and one of them is hidden
    assert re.search(r"^masked +other bits; .* is (inf|0)$", of_hidden, re.MULTILINE)
    assert not same(tensors["masked"], trace["masked"])


def test_differences_are_told_in_numbers():
    shown = torch.tensor([0.1, torch.nan, -torch.inf, 2.0])
    samples = {at: float(value) for at, value in enumerate(shown)}

    def told(*numbers):
        return compare.difference(torch.tensor(numbers), (4,), "", samples)

    assert told(0.1, torch.nan, -torch.inf, 2.0).endswith("is 0")
    assert told(0.1, torch.nan, -torch.inf, 2.5).endswith("is 0.5")
    assert told(0.1, 0.0, -torch.inf, 2.0).endswith("is inf")
    assert told(0.1, torch.nan, torch.inf, 2.0).endswith("is inf")
    digest = compare.hashlib.sha256(compare.bits(shown)).hexdigest()[: compare.DIGITS]
    assert compare.difference(shown, (4,), digest, samples) == "same bits"
    double = torch.tensor([0.1], dtype=torch.float64)
    assert compare.difference(double, (1,), "", {0: 0.1}).endswith("is 0")
    negative = torch.tensor([0.1, torch.nan, -torch.inf, 2.0]).reshape(2, 2).t()
    assert compare.bits(negative) == bytes(negative.contiguous().view(torch.uint8).flatten().tolist())


def test_the_script_needs_torch_and_nothing_else(ran):
    for _, text, _ in ran.values():
        tree = ast.parse(text)
        names = {
            name.split(".")[0]
            for node in ast.walk(tree)
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [str(node.module)]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert names - sys.stdlib_module_names == {"torch"}


def test_the_script_sets_the_threads_and_names_the_view():
    trace = run(small())
    assert "torch.set_num_threads(3)" in script(trace, threads=3)
    torch.set_num_threads(2)
    text = script(trace)
    torch.set_num_threads(1)
    assert "torch.set_num_threads(2)" in text
    text = script(trace, "https://example.org/?text=a%22\nimport os\r\x0c\u2028print('x')")
    (line,) = [line for line in text.splitlines() if "The view" in line]
    assert line == "# The view: https://example.org/?text=a%22import osprint('x')"


def test_the_words_are_plain_literals_without_signs_that_cannot_be_seen(ran):
    _, text, _ = ran["hostile words"]
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    (words,) = [
        ast.literal_eval(node.value)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.keyword) and node.arg == "words"
    ]
    assert words == CASES["hostile words"].words


def test_a_planted_script_says_what_each_head_was_built_for(ran):
    _, text, _ = ran["sentence"]
    assert re.findall(r"^# head (\d): (.*?)\.", text, re.MULTILINE)[0] == ("0", "previous token")
    assert "qkv_layer = nn.Linear(40, 96, bias=True" in text

"""Files to take home, read back: every number has the bits that were shown."""

import csv
import io
import json
import subprocess
import sys
from dataclasses import asdict, replace
from types import MappingProxyType

import numpy as np
import pytest
import torch
from safetensors.torch import load

from mha_core import Config, run
from mha_core.axes import edges, split_index
from mha_core.config import DTYPES, PAD
from mha_core.errors import PipelineError
from mha_core.takeaway import files
from tests.core.grid import same, small

EDGES = (-0.0, torch.inf, -torch.inf, torch.nan, 1e-45, torch.finfo(torch.float32).max, 0.1, -2.5e-7)
HOSTILE = '=1+1 +2 -3 @SUM(A1) a,b "quoted" it\'s =“x” \uff1dwide \u202ertl שלום 🙂 <b> 日本'


def edged(config):
    """A run whose scores hold every number that a file could get wrong."""
    trace = run(config)
    scores = trace["scores"].clone()
    scores.flatten()[: len(EDGES)] = torch.tensor(EDGES).to(scores.dtype)
    return replace(trace, tensors=MappingProxyType({**trace.tensors, "scores": scores}))


@pytest.fixture(scope="module", params=DTYPES)
def trace(request, one_thread):
    layout = "stacked" if request.param in ("float64", "float16") else "per_head"
    return edged(small(dtype=request.param, mask="both", lengths=(7, 4), layout=layout))


def bits(tensor):
    return tensor.detach().contiguous().view(torch.uint8).flatten().tolist()


def names_of(trace):
    layers = [f"{name}.{part}" for name in ("qkv_layer", "out_layer") for part in ("weight", "bias")]
    return [*trace.names, *layers]


def original(trace, name):
    layer, _, part = name.partition(".")
    return getattr(trace.parameters[layer], part).detach() if part else trace[name]


def test_safetensors_keep_every_bit_of_stages_and_parameters(trace):
    found = load(files.safetensors_bytes(trace))
    assert sorted(found) == sorted(names_of(trace))
    for name, tensor in found.items():
        assert tensor.shape == original(trace, name).shape and tensor.dtype == original(trace, name).dtype
        assert bits(tensor) == bits(original(trace, name)), name


def test_npz_keeps_every_number_and_says_where_the_kind_changed(trace):
    found = np.load(io.BytesIO(files.npz_bytes(trace)), allow_pickle=False)
    note = ["note"] if trace.config.dtype == "bfloat16" else []
    assert sorted(found) == sorted([*names_of(trace), "about", *note])
    for name in names_of(trace):
        mine = original(trace, name)
        mine = mine.float() if mine.dtype == torch.bfloat16 else mine
        assert found[name].shape == tuple(mine.shape)
        assert found[name].tobytes() == bytes(bits(mine)), name
    assert all("bfloat16" in str(found[name]) for name in note)


def test_files_say_the_settings_and_the_view(trace):
    link = "https://example.org/?v=1&text=%22"
    data = files.safetensors_bytes(trace, link)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    about = str(np.load(io.BytesIO(files.npz_bytes(trace, link)))["about"])
    assert header == {"about": about}
    said = json.loads(about)
    assert said["settings"] == json.loads(json.dumps(asdict(trace.config)))
    lists = {name: tuple(said["settings"][name]) for name in ("lengths", "jobs")}
    assert Config(**{**said["settings"], **lists}) == trace.config
    assert said["link"] == link and said["torch"] == torch.__version__
    assert said["axes"]["q"] == "batch head query head_dim"
    assert "link" not in files.about(trace)


def table(trace, name):
    head, *rows = csv.reader(io.StringIO(files.csv_text(trace, name)))
    return head, rows


@pytest.mark.parametrize("name", ["x", "qkv", "scores", "masked", "mask", "weights", "concat"])
def test_a_table_names_every_cell_and_every_bit_of_its_number(trace, name):
    head, rows = table(trace, name)
    tensor, sizes = trace[name], trace.config.sizes
    lines = edges(trace.made(name).axes)
    assert head[-1] == "value" and len({*head}) == len(head)
    assert len(rows) == tensor.numel()
    values = torch.empty(tensor.shape, dtype=torch.float64)
    for row in rows:
        cell = dict(zip(head, row, strict=True))
        index = tuple(int(cell[edge.key]) for edge in lines)
        for edge, at in zip(lines, index, strict=True):
            parts = split_index(edge, at, sizes)
            if len(parts) > 1:
                told = {word: "qkv".index(cell[word]) if word == "qkv" else int(cell[word]) for word in parts}
                assert told == parts
        values[index] = float({"True": 1, "False": 0}.get(cell["value"], cell["value"]))
    read = values.to(tensor.dtype)
    assert same(read, tensor)
    finite = [row[-1].lstrip("-") for row in rows if row[-1][-1].isdigit()]
    digits = 17 if tensor.dtype == torch.float64 else 9
    assert max((len(each.split("e")[0].replace(".", "").lstrip("0")) for each in finite), default=0) <= digits


def test_edge_values_are_written_as_they_are_read():
    _, rows = table(edged(small()), "scores")
    written = [row[-1] for row in rows[: len(EDGES)]]
    assert written[:5] == ["-0", "inf", "-inf", "nan", "1.40129846e-45"]


def test_words_stand_beside_their_tokens_and_begin_no_formula():
    trace = run(Config(input="words", text=f"{HOSTILE}\nrain", input_dim=6, d_model=10, num_heads=2))
    head, rows = table(trace, "weights")
    assert head == ["batch", "head", "query", "query_word", "key", "key_word", "value"]
    words = trace.config.words
    for row in rows:
        item, _, query, query_word, key, key_word, _ = row
        for at, word in ((query, query_word), (key, key_word)):
            assert word.removeprefix("'") == words[int(item)][int(at)].removeprefix("'")
            assert not word.startswith(files.FORMULA)
    written = {row[5] for row in rows}
    assert {"'=1+1", "'+2", "'-3", "'@SUM(A1)", "'\uff1dwide", "a,b", '"quoted"', "it's", PAD} <= written
    assert [head for head in table(trace, "concat")[0] if "word" in head] == ["query_word"]


def test_a_table_of_no_stage_is_refused():
    with pytest.raises(PipelineError, match="No stage makes 'nothing'"):
        files.csv_text(run(small()), "nothing")


def test_the_size_is_known_before_a_file_is_made(trace):
    expected = files.files_bytes(trace)
    largest = max(len(files.safetensors_bytes(trace)), len(files.npz_bytes(trace)))
    assert expected <= largest < expected + 20_000
    found = np.load(io.BytesIO(files.npz_bytes(trace)), allow_pickle=False)
    assert expected == sum(found[name].nbytes for name in names_of(trace))


def test_files_of_the_same_run_are_the_same_bytes(trace):
    for make in (files.safetensors_bytes, files.npz_bytes):
        assert make(trace, "x") == make(trace, "x")


def printed(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_without_safetensors_everything_else_works_and_a_sentence_says_what_is_missing():
    code = (
        "import sys; sys.modules['safetensors'] = None; sys.modules['safetensors.torch'] = None\n"
        "from mha_core import Config, run\nfrom mha_core.takeaway import files, notebook, script\n"
        "trace = run(Config(**dict.fromkeys(('sequence_length', 'input_dim', 'd_model', 'num_heads'), 1)))\n"
        "files.npz_bytes(trace), files.csv_text(trace, 'out')\n"
        "script.script(trace), notebook.notebook(trace)\n"
        "try: files.safetensors_bytes(trace)\nexcept files.MissingLibraryError as error: print(error)"
    )
    assert "pip install safetensors" in printed(code)


def test_importing_the_core_loads_no_library_for_files():
    assert printed("import sys, mha_core.takeaway.files; print('safetensors' in sys.modules)") == "False\n"

"""The notebook to take home: valid, run by a kernel, every tensor and every saved picture as shown."""

import base64
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
import zlib

import nbformat
import pytest
import torch

from mha_core import Config, run
from mha_core.figures.theme import NEUTRALS, SCALES
from mha_core.presets import PRESETS
from mha_core.takeaway.heatmaps import heatmap, painted, png, stretches, written
from mha_core.takeaway.notebook import HEADS, SCALED, notebook
from mha_core.takeaway.script import sections
from tests.core.grid import same, small

TEXT = "<b>the</b> </svg> “cat” \u202esaw the שלום 🙂\nrain & \x01fell"

EXECUTE = """
import sys, nbformat, nbclient
shown = nbformat.read(sys.argv[1], 4)
saving = "torch.save({name: globals()[name] for name in shown}, %r)" % sys.argv[2]
shown.cells.append(nbformat.v4.new_code_cell(saving))
nbclient.NotebookClient(shown, timeout=120, kernel_name="python3").execute()
nbformat.write(shown, sys.argv[1])
"""

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def trace(one_thread):
    return run(PRESETS["sentence"].config.but(text=TEXT, mask="both", lengths=(7, 0)))


@pytest.fixture(scope="module")
def shown(trace):
    return json.loads(notebook(trace, "https://example.org/?v=1", item=0))


def test_a_kernel_runs_the_notebook_and_makes_the_very_bits(trace, shown, tmp_path):
    path, tensors = tmp_path / "shown.ipynb", tmp_path / "tensors.pt"
    path.write_text(json.dumps(shown), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(path), str(tensors)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = torch.load(tensors)
    assert list(found) == list(trace.names)
    for name, tensor in found.items():
        assert same(tensor, trace[name]), name
    ran = {cell["id"]: cell for cell in nbformat.read(path, 4).cells}
    said = "".join(output["text"] for output in ran["after-0"]["outputs"])
    assert said.count("same bits") == len(trace.names) == len(said.splitlines())
    for cell in pictures(shown):
        (again,) = ran[cell["id"]]["outputs"]  # the kernel draws what was saved
        assert again["data"]["image/svg+xml"] == svg_of(cell)


def pictures(shown):
    return [cell for cell in shown["cells"] if cell.get("outputs")]


def svg_of(cell):
    return "".join(cell["outputs"][0]["data"]["image/svg+xml"])


def test_the_notebook_is_valid_and_names_its_cells_once(shown):
    nbformat.validate(shown)
    ids = [cell["id"] for cell in shown["cells"]]
    assert len({*ids}) == len(ids)
    assert (shown["nbformat"], shown["nbformat_minor"]) == (4, 5)


def test_the_cells_are_the_script_and_words_stand_in_code_alone(trace, shown):
    parts = sections(trace, "https://example.org/?v=1")
    code = ["".join(cell["source"]) for cell in shown["cells"] if cell["cell_type"] == "code"]
    for part in (*parts.before, *parts.stages, *parts.after):
        assert part.replace("# %% ", "# ", 1) in code
    prose = "\n".join("".join(cell["source"]) for cell in shown["cells"] if cell["cell_type"] == "markdown")
    assert "saw" not in prose and "</svg>" not in prose
    assert all(f"## {stage.title}" in prose and stage.why in prose for stage in trace.pipeline)
    formulas = [stage.formula for stage in trace.pipeline if stage.formula]
    assert prose.count("$$") == 2 * len(formulas) and all(f"$${each}$$" in prose for each in formulas)


def test_every_map_of_heads_has_a_picture_that_opens_everywhere(trace, shown):
    names = [cell["id"].removeprefix("map-") for cell in pictures(shown)]
    assert names == ["scores", "scaled", "masked", "weights"]
    for cell in pictures(shown):
        data = cell["outputs"][0]["data"]
        assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
        assert data["text/plain"][0].startswith(f"Maps of {cell['id'].removeprefix('map-')}: 4 heads")
        tree = ET.fromstring(svg_of(cell))  # well formed, whatever the words are
        assert not {"script", "b", "foreignObject"} & {node.tag.removeprefix(SVG) for node in tree.iter()}
        words = [node.text for node in tree.iter(f"{SVG}text")]
        assert words.count("<b>the</b>") == 2 * trace.config.num_heads
        assert "\\u202esaw" in words


def pixels(data):
    """The colours of a PNG without filters, read back."""
    width = int.from_bytes(data[16:20], "big")
    start = data.index(b"IDAT")
    lines = zlib.decompress(data[start + 4 : start + 4 + int.from_bytes(data[start - 4 : start], "big")])
    row = 1 + 3 * width
    rows = [lines[at + 1 : at + row] for at in range(0, len(lines), row)]
    return [[tuple(line[3 * x : 3 * x + 3]) for x in range(width)] for line in rows]


def test_what_is_painted_is_the_tensor(trace, shown):
    (cell,) = [cell for cell in pictures(shown) if cell["id"] == "map-weights"]
    tree = ET.fromstring(svg_of(cell))
    images = [node.get("href").partition(",")[2] for node in tree.iter(f"{SVG}image")]
    assert len(images) == trace.config.num_heads
    stops = [tuple(bytes.fromhex(stop[1:])) for stop in SCALES["probability"].light]
    for head, image in enumerate(images):
        drawn = pixels(base64.b64decode(image))
        for query, row in enumerate(trace["weights"][0, head].tolist()):
            for key, weight in enumerate(row):
                at = weight * (len(stops) - 1)
                low = min(int(at), len(stops) - 2)
                expected = [a + (b - a) * (at - low) for a, b in zip(stops[low], stops[low + 1], strict=True)]
                assert max(abs(a - b) for a, b in zip(drawn[query][key], expected, strict=True)) <= 0.5
    side = float(next(tree.iter(f"{SVG}image")).get("width")) / trace.config.sequence_length
    maps = list(tree.iter(f"{SVG}g"))
    assert len(maps) == trace.config.num_heads
    for group in maps:
        hatched = torch.zeros_like(trace["mask"][0, 0])
        for node in group.iter(f"{SVG}rect"):
            if node.get("fill") == "url(#hidden)":
                x, y, width = (round(float(node.get(name)) / side) for name in ("x", "y", "width"))
                hatched[y, x : x + width] = True
        assert torch.equal(hatched, trace["mask"][0, 0])


def test_what_readers_without_svg_see_is_the_tensor_with_hatches_where_it_is_hidden(trace, shown):
    (cell,) = [cell for cell in pictures(shown) if cell["id"] == "map-weights"]
    drawn = pixels(base64.b64decode(cell["outputs"][0]["data"]["image/png"]))
    hatch = {tuple(bytes.fromhex(NEUTRALS[name].light[1:])) for name in ("hatch_line", "hatch_ground")}
    tokens = trace.config.sequence_length
    assert (len(drawn), len(drawn[0])) == (SCALED * tokens, SCALED * (4 * tokens + 3))
    for head in range(4):
        colours = painted(trace["weights"][0, head], SCALES["probability"].light, 0.0)
        for query, row in enumerate(trace["mask"][0, 0].tolist()):
            for key, hidden in enumerate(row):
                left, top = SCALED * (head * (tokens + 1) + key), SCALED * query
                seen = {sign for line in drawn[top : top + SCALED] for sign in line[left : left + SCALED]}
                assert seen == (hatch if hidden else {tuple(colours[query, key].tolist())})


def test_the_maps_of_another_batch_item_are_its_own_and_its_cells_draw_them_again(trace):
    other = json.loads(notebook(trace, item=1))
    maps = {cell["id"]: cell for cell in pictures(other)}
    heads, tokens = trace.config.num_heads, trace.config.sequence_length
    hatched = svg_of(maps["map-masked"]).count('fill="url(#hidden)"')
    assert trace["mask"][1].all() and hatched == heads * tokens, "one hatch a row: all its keys are hidden"
    assert ">rain<" in svg_of(maps["map-masked"])
    (how,) = [cell for cell in other["cells"] if cell["id"] == "maps"]
    space, drawn = dict(trace.tensors), []
    exec("from __future__ import annotations\n" + "".join(how["source"]), space)
    space |= {"SVG": str, "display": drawn.append}
    for cell in maps.values():
        exec("".join(cell["source"]), space)
    assert drawn == [svg_of(cell) for cell in maps.values()]


def test_rows_that_are_not_numbers_are_written_and_not_painted(trace):
    cells = pictures(json.loads(notebook(trace, item=1)))
    (cell,) = [cell for cell in cells if cell["id"] == "map-weights"]
    tokens = trace.config.sequence_length
    assert trace["weights"][1].isnan().all()
    assert svg_of(cell).count(">NaN<") == trace.config.num_heads * tokens**2
    assert 'fill="url(#hidden)"' not in svg_of(cell)


def test_small_parts_of_the_maps():
    flags = torch.tensor(
        [[True, True, False, True], [False, False, False, False], [False, False, True, True]]
    )
    assert stretches(flags) == [(0, 0, 2), (0, 3, 4), (2, 2, 4)]
    told = [written(value, True) for value in (0.001, 0.0, torch.nan, torch.inf, -torch.inf)]
    assert told == ["&lt;0.01", "&lt;0.01", "NaN", "∞", "−∞"], "an exponential may underflow to 0"
    assert (written(0.001, False), written(-123.4, False)) == ("0.00", "-123")
    stops = ("#000000", "#808080", "#ffffff")
    sheet = torch.tensor([[-2.0, 0.0, 2.0], [torch.nan, torch.inf, 1.0]])
    colours = painted(sheet, stops, 2.0)
    assert colours[0].tolist() == [[0] * 3, [128] * 3, [255] * 3]
    assert colours[1, :2].tolist() == [[255] * 3] * 2
    assert pixels(png(colours)) == [[tuple(cell) for cell in row] for row in colours.tolist()]


def test_a_picture_is_a_png_whose_checksums_hold():
    data, kinds = png(torch.arange(24, dtype=torch.uint8).reshape(2, 4, 3))[8:], []
    while data:
        end = 8 + int.from_bytes(data[:4], "big")
        assert zlib.crc32(data[4:end]) == int.from_bytes(data[end : end + 4], "big")
        kinds.append(data[4:8])
        data = data[end + 4 :]
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]


def test_numbers_stand_in_their_cells_in_an_ink_that_can_be_read_and_hatches_on_theirs():
    sheet = torch.tensor([[0.1, 1.0, 0.9], [0.2, 0.8, 0.3], [0.7, 0.4, 0.6]])
    hidden = torch.tensor([[False, True, False], [False, False, False], [False, False, False]])
    look = {"stops": ("#ffffff", "#000000"), "outline": "#123456"}
    tree = ET.fromstring(f"<g>{heatmap(sheet, hidden, 40, look, 0.0)}</g>")
    told = [(node.get("x"), node.get("y"), node.get("fill"), node.text) for node in tree.iter("text")]
    assert told[:3] == [
        ("20.0", "23.0", "#000", "0.10"),
        ("100.0", "23.0", "#fff", "0.90"),
        ("20.0", "63.0", "#000", "0.20"),
    ]
    hatch, _ = tree.iter("rect")
    assert [hatch.get(name) for name in ("x", "y", "width", "height")] == ["40", "0", "40", "40"]


def test_maps_stand_in_reading_order_beside_each_other_and_inside_the_picture(shown):
    tree = ET.fromstring(svg_of(pictures(shown)[0]))
    places = [
        tuple(map(int, re.findall(r"\d+", group.get("transform"))))[::-1] for group in tree.iter(f"{SVG}g")
    ]
    side = int(next(tree.iter(f"{SVG}image")).get("width"))
    assert len({*places}) == 4 and places == sorted(places) and places[0][0] == places[1][0]
    assert max(x for _, x in places) + side < int(tree.get("width"))
    assert max(y for y, _ in places) + side < int(tree.get("height"))


def test_of_many_heads_the_first_are_drawn_and_large_runs_stay_small():
    config = Config(sequence_length=128, input_dim=4, d_model=64, num_heads=32, mask="causal")
    text = notebook(run(config))
    assert len(text) < 4_000_000
    (cell, *_) = pictures(json.loads(text))
    assert svg_of(cell).count("<image") == HEADS


def test_where_there_is_no_room_for_a_number_what_is_none_is_crossed():
    config = Config(sequence_length=32, input_dim=4, d_model=4, num_heads=2, mask="padding", lengths=(0,))
    cells = pictures(json.loads(notebook(run(config))))
    drawn = {cell["id"]: svg_of(cell).count('fill="url(#odd)"') for cell in cells}
    assert drawn == {"map-scores": 0, "map-scaled": 0, "map-masked": 0, "map-weights": 32 * 2}


def test_a_run_without_words_or_mask_counts_its_tokens():
    (cell, *_) = pictures(json.loads(notebook(run(small()), item=1)))
    assert "('0', '1', '2', '3', '4', '5', '6')" in "".join(cell["source"])

"""What the README says is what runs."""

import re
import subprocess
import sys

from mha_core import Config, run
from tests.readme import PART, README, written

TEXT = README.read_text("utf-8")


def test_the_table_of_stages_is_the_pipeline_that_runs():
    assert PART.search(TEXT)
    assert written(TEXT) == TEXT


def test_the_lines_of_python_run_as_they_stand():
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=README.parent, capture_output=True, text=True, check=True
    )
    assert "(1, 4, 6, 6)" in done.stdout.replace("torch.Size([1, 4, 6, 6])", "(1, 4, 6, 6)")


def test_every_path_it_names_exists():
    named = re.findall(r"`((?:mha_core|pages|tests)/[\w./]*|app\.py)`", TEXT)
    assert len(named) > 8
    assert [path for path in named if not (README.parent / path).exists()] == []


def test_its_picture_is_there():
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT)
    assert (README.parent / picture).stat().st_size > 20_000


def test_every_code_of_the_table_is_an_expression():
    codes = re.findall(r"^\| `\w+` \| `(.+?)` \|", PART.search(TEXT)[0], re.MULTILINE)
    assert len(codes) == len(run(Config()).names)
    for code in codes:
        compile(code, code, "eval")

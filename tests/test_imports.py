"""The laws of imports and of folders, each beside a planted offender that shows the check can fail."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# library -> where it may be imported; a folder ends with a slash
LAWS = {"streamlit": ("app.py", "pages/"), "plotly": ("mha_core/figures/",)}


def product_files(root: Path) -> Iterator[Path]:
    """Every Python file of the product: tests, hidden folders and build output are none."""
    for path in sorted(root.rglob("*.py")):
        first = path.relative_to(root).parts[0]
        if not first.startswith(".") and first not in ("tests", "build", "dist"):
            yield path


def imported(tree: ast.AST) -> Iterator[str]:
    """The top-level names that a module imports, by statement or by a call with a literal name."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.split(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.split(".")[0]
            case ast.Call(
                func=ast.Name(id=called) | ast.Attribute(attr=called),
                args=[ast.Constant(value=str(name)), *_],
            ):
                if called in ("import_module", "__import__"):
                    yield name.split(".")[0]


def offenders(root: Path, library: str) -> list[str]:
    """The product's files that import a library where its law forbids it."""
    relative = {path.relative_to(root).as_posix(): path for path in product_files(root)}
    return [
        name
        for name, path in relative.items()
        if library in imported(ast.parse(path.read_text(encoding="utf-8")))
        and not name.startswith(LAWS[library])
    ]


def loaded_by_the_core(root: Path) -> set[str]:
    """The libraries under a law that a fresh Python holds after `import mha_core`."""
    code = (
        f"import sys, json, mha_core; print(json.dumps([name for name in {[*LAWS]} if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


def plant(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("library", LAWS)
def test_libraries_are_imported_only_where_their_law_allows(library):
    assert len(list(product_files(ROOT))) > 5
    assert offenders(ROOT, library) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("mha_core/masks.py", "import {}", id="plain"),
        pytest.param("mha_core/masks.py", "from {}.deep import thing", id="from a submodule"),
        pytest.param("mha_core/run.py", "def draw():\n    import {}.deep", id="inside a function"),
        pytest.param("scripts/make.py", "import importlib\nimportlib.import_module('{}')", id="by name"),
    ],
)
@pytest.mark.parametrize("library", LAWS)
def test_an_import_in_the_wrong_place_is_found(tmp_path, library, name, text):
    plant(tmp_path, {name: text.format(library), "tests/test_x.py": f"import {library}"})
    plant(
        tmp_path,
        {
            f"{allowed}x.py" if allowed.endswith("/") else allowed: f"import {library}"
            for allowed in LAWS[library]
        },
    )
    assert offenders(tmp_path, library) == [name]


def test_importing_the_core_loads_neither_streamlit_nor_plotly():
    assert loaded_by_the_core(ROOT) == set()


@pytest.mark.parametrize("library", LAWS)
def test_a_core_that_loads_one_of_them_is_found(tmp_path, library):
    plant(
        tmp_path,
        {
            f"{library}.py": "",
            "mha_core/__init__.py": "import json, mha_core.deep",
            "mha_core/deep.py": f"import {library}",
        },
    )
    assert loaded_by_the_core(tmp_path) == {library}


def scripts_directly_in_pages(root: Path) -> list[str]:
    """What Streamlit's old discovery would run alone, without app.py, on a first deep link."""
    return [path.name for path in sorted((root / "pages").glob("*.py")) if path.name != "__init__.py"]


def test_no_script_lies_directly_in_pages():
    assert (ROOT / "pages").is_dir()
    assert scripts_directly_in_pages(ROOT) == []


def test_a_script_directly_in_pages_is_found(tmp_path):
    plant(tmp_path, {"pages/stray.py": "", "pages/learn/fine.py": ""})
    assert scripts_directly_in_pages(tmp_path) == ["stray.py"]


def test_the_package_and_the_app_ask_for_the_same_torch():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [
        line.split("#")[0].strip()
        for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    ]
    assert [need for need in project["dependencies"] if need.startswith("torch")] == [
        line for line in asked if line.startswith("torch")
    ]

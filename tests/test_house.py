"The house keeps its own rules: floors, export, metadata, README, light import, wheel."

import ast
import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mltoolkit

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mltoolkit"
FLOORS = {
    "core": 0,
    "data": 10,
    "profiling": 20,
    "modeling": 30,
    "explainability": 40,
    "production": 50,
    "plots": 60,
    "widgets": 70,
    "apps": 80,
    "cli": 90,
}
DISPLAY = {"ipywidgets", "anywidget", "matplotlib", "seaborn", "IPython"}


def settings():
    parser = configparser.ConfigParser(delimiters=["="])
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]


def modules():
    return sorted(p for p in PACKAGE.rglob("*.py") if p.name not in ("_modidx.py", "__init__.py"))


def imports(path):
    "Dotted names a module imports, wherever in the file."
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = ("mltoolkit", *path.relative_to(PACKAGE).with_suffix("").parts)
                base = ".".join([*parts[: len(parts) - node.level], *([base] if base else [])])
            yield base
            if base.startswith("mltoolkit"):
                yield from (
                    f"{base}.{alias.name}" for alias in node.names if (PACKAGE / Path(*base.split(".")[1:]) / f"{alias.name}.py").exists()
                )


def notebook_of(module):
    "The number of the notebook that exports a module: its place in the house."
    first = re.search(r"File to edit: (\S+)\.", module.read_text(encoding="utf-8")[:3000])
    return [int(n) for n in re.findall(r"(?:^|/)(\d\d)_", first[1])]


def place(dotted):
    path = PACKAGE / Path(*dotted.split(".")[1:]).with_suffix(".py")
    return notebook_of(path) if path.exists() else None


@pytest.mark.parametrize("module", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_floor_imports_only_lower_floors(module):
    mine = notebook_of(module)
    assert mine[0] == FLOORS[module.relative_to(PACKAGE).parts[0].removesuffix(".py")]
    for name in imports(module):
        if name.startswith("mltoolkit.") and (theirs := place(name)):
            assert theirs < mine, f"{module.relative_to(PACKAGE)} (place {mine}) imports {name} (place {theirs})"


@pytest.mark.parametrize("module", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_compute_floors_know_no_display(module):
    if notebook_of(module)[0] < 60:
        assert not DISPLAY & {name.split(".")[0] for name in imports(module)}


def test_no_module_without_a_notebook():
    for module in modules():
        notebook = re.search(r"File to edit: (\S+\.ipynb)", module.read_text(encoding="utf-8")[:3000])
        assert notebook, f"{module} is not exported from a notebook"
        assert (module.parent / notebook[1]).resolve().exists() or (PACKAGE / notebook[1]).resolve().exists(), notebook[1]


def test_export_is_in_sync(tmp_path):
    copy = tmp_path / "project"
    sources = [p for p in notebooks() if "nbs" in p.parts] + list(PACKAGE.rglob("*.py"))
    for path in [*sources, *(ROOT / name for name in ("pyproject.toml", "settings.ini", "README.md"))]:
        (copy / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy / path.relative_to(ROOT))
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    subprocess.run([sys.executable, "-c", "from nbdev.doclinks import nbdev_export; nbdev_export()"], cwd=copy, env=environment, check=True)
    for module in [*modules(), PACKAGE / "_modidx.py"]:
        again = copy / "mltoolkit" / module.relative_to(PACKAGE)
        assert again.read_text(encoding="utf-8") == module.read_text(encoding="utf-8"), (
            f"{module.relative_to(ROOT)} is not what its notebook exports: run `make export`"
        )
    assert {p.relative_to(copy) for p in (copy / "mltoolkit").rglob("*.py")} == {p.relative_to(ROOT) for p in PACKAGE.rglob("*.py")}


def notebooks():
    found = [*(ROOT / "nbs").rglob("*.ipynb"), *(ROOT / "templates").rglob("*.ipynb")]
    return sorted(p for p in found if ".ipynb_checkpoints" not in p.parts)


@pytest.mark.parametrize("path", notebooks(), ids=lambda p: str(p.relative_to(ROOT)))
def test_notebooks_are_clean(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert path.stat().st_size < 400_000
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    for cell in notebook["cells"]:
        assert set(cell["metadata"]) <= {"tags"}
        assert cell.get("execution_count") is None
        text = "".join(cell["source"]) + json.dumps(cell.get("outputs", []))
        assert not re.search(r"/(root|home|Users)/\w+/|/tmp/|\.venv/lib", text), f"a machine path in {path.name}: {text[:200]}"
        assert all(o["output_type"] != "error" for o in cell.get("outputs", []))


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.ipynb")), ids=lambda p: p.name)
def test_templates_hold_no_functions(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    assert len(code) <= 12
    for cell in code:
        tree = ast.parse("".join(line for line in cell["source"] if not line.startswith(("%", "!"))))
        assert not any(isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.Lambda)) for n in ast.walk(tree))
    if path.parent.name == "pipeline":
        tagged = [c for c in code if "parameters" in c["metadata"].get("tags", [])]
        assert len(tagged) == 1
        for line in "".join(tagged[0]["source"]).splitlines():
            assert re.fullmatch(r"\w+: [\w\[\], ]+ = .+  # .+", line), f"`name: type = literal  # help`, got {line!r}"


def test_settings_are_the_one_place():
    cfg = settings()
    assert mltoolkit.__version__ == cfg["version"]
    from ruamel.yaml import YAML

    conda = YAML(typ="safe").load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert conda == [f"python>={cfg['min_python']}", *cfg["requirements"].split()]
    assert set(__import__("tomllib").loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))) == {"build-system", "tool"}


def test_constraints_are_exact_and_name_no_address():
    lines = [x for x in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if not x.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+", line) for line in lines)
    from packaging.requirements import Requirement

    pinned = {name.lower().replace("_", "-"): version for name, version in (line.split("==") for line in lines)}
    cfg = settings()
    for key in ("requirements", "spark", "sql", "shared", "dask", "boosting", "conformal", "ops", "stream", "dev"):
        for text in cfg[key].split():
            requirement = Requirement(text)
            version = pinned.get(requirement.name.lower().replace("_", "-"))
            assert version and requirement.specifier.contains(version), f"{text}: constraints.txt has {version}"


def test_readme_is_made_from_the_index():
    subprocess.run([sys.executable, ROOT / "tools/readme.py", "--check"], check=True)


def test_readme_links_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)", text):
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link


def test_public_names_exist():
    for name in mltoolkit.__all__:
        assert getattr(mltoolkit, name).__doc__, f"{name} has no docstring"
    with pytest.raises(AttributeError, match="no_such_name"):
        mltoolkit.no_such_name


def test_import_is_light():
    "Best of five: `import mltoolkit` in under 0.15 CPU-seconds beyond a bare interpreter, and none of the heavy libraries."
    code = "import sys, time; t = time.process_time(); import mltoolkit; print(time.process_time() - t, *sorted({'sklearn', 'shap', 'seaborn', 'matplotlib', 'pandas', 'numpy'} & set(sys.modules)))"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() for _ in range(5)]
    assert all(len(run) == 1 for run in runs), runs
    assert min(float(run[0]) for run in runs) < 0.15


def test_nothing_fetches_at_run_time():
    "No module, template or asset names an outside address that a browser or Python would fetch."
    allowed = ("http://www.w3.org/", "https://json-schema.org/", "http://127.0.0.1", "http://localhost")
    for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("static/*"), *(ROOT / "templates").rglob("*.ipynb")]:
        for address in re.findall(
            r"(?:src|href)=\\?[\"'](https?://[^\"'\\]+)|@import\s+[\"'](https?://[^\"']+)|url\([\"']?(https?://[^)]+)",
            path.read_text(encoding="utf-8"),
        ):
            address = "".join(address)
            assert address.startswith(allowed), f"{path.relative_to(ROOT)} fetches {address}"


@pytest.mark.slow
def test_wheel_in_a_fresh_environment_runs_the_demo(tmp_path):
    "Build a wheel, install it where there is nothing else, run the demo from another folder."
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path / "dist", ROOT], check=True, capture_output=True)
    wheel = next((tmp_path / "dist").glob("*.whl"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    pip = [sys.executable, "-m", "pip", "--python", tmp_path / "env/bin/python"]  # uncompiled: most of what is installed is never imported here
    subprocess.run([*pip, "install", "-q", "--no-compile", "-c", ROOT / "constraints.txt", wheel], check=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [tmp_path / "env/bin/mltoolkit", "demo", "--rows", "6000"], cwd=elsewhere, env=clean, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    run = next((elsewhere / "runs/flights").glob("2*"))
    assert (run / "report.html").stat().st_size > 10_000
    assert "mltoolkit lab" in done.stdout and "mltoolkit app" in done.stdout

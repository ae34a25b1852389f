"Execute notebooks in place, without noise: no execution counts, no metadata but tags. `notebooks.py [FILE ...]`; all of nbs/ by default."

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

os.environ["TQDM_DISABLE"] = "1"  # a bar in a saved notebook is noise
ROOT = Path(__file__).resolve().parent.parent
KERNEL = {"kernelspec": {"display_name": "python3", "language": "python", "name": "python3"}}  # as nbdev-clean writes it


def clean(notebook):
    "Strip what changes from run to run."
    notebook.metadata = nbformat.from_dict(KERNEL)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k == "tags"})
        if cell.cell_type == "code":
            cell.execution_count = None
            for output in cell.outputs:
                output.pop("execution_count", None)
                if "text/html" in output.get("data", {}):  # a widget has no kernel in a saved notebook: its HTML stays
                    output.data.pop("application/vnd.jupyter.widget-view+json", None)
                if output.output_type == "execute_result":
                    output.execution_count = None
    return notebook


def execute(path):
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}).execute()
    nbformat.write(clean(notebook), path)


if __name__ == "__main__":
    paths = [Path(p).resolve() for p in sys.argv[1:]] or sorted(
        p for p in (ROOT / "nbs").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts
    )
    for path in paths:
        print(path.relative_to(ROOT), flush=True)
        execute(path)

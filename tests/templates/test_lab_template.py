"The starter notebook runs from top to bottom."

import json

from mltoolkit.core import templates_dir

PATH = templates_dir() / "lab" / "start.ipynb"


def test_the_starter_notebook_runs(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(PATH, 4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert len([o for o in outputs if o.output_type in ("execute_result", "display_data")]) >= 2
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]


def test_it_travels_without_outputs():
    cells = json.loads(PATH.read_text())["cells"]
    assert all(not c.get("outputs") for c in cells) and len([c for c in cells if c["cell_type"] == "code"]) <= 6

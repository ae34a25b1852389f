"Writes tiny template notebooks for the tests of a run's mechanics."

import json

BEGIN = """from mltoolkit.production.runs import Stage
from mltoolkit.core import InputError, RunError
from pathlib import Path
import os, time
stage = Stage.open(run_dir, {name!r})
"""


def write_template(folder, number, name, work, *, parameters='run_dir: str = ""  # folder of the run', begin=BEGIN):
    "A template notebook with a parameters cell and one cell of work."
    cells = [(["parameters"], parameters), ([], begin.format(name=name) + work)]
    cells = [{"cell_type": "code", "execution_count": None, "outputs": [], "id": f"c{i}", "metadata": {"tags": tags} if tags else {}, "source": text}
             for i, (tags, text) in enumerate(cells) if text is not None]  # fmt: skip
    meta = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{number:02d}_{name}.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": meta, "nbformat": 4, "nbformat_minor": 5}))
    return path

"A run folder made by hand, as a fixture."

import json

import pytest
from handmade import RECIPE, results


@pytest.fixture
def handmade_run(tmp_path):
    "The folder of a finished run. A test may change it."
    folder = tmp_path / "flights" / "20261123-140000-abc123"
    (folder / "results").mkdir(parents=True)
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    for name, value in results().items():
        (folder / "results" / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    stages = [{"stage": name, "state": "done", "seconds": 12.5, "cpu_seconds": 20.1, "peak_mb": 410, "headline": "as planned"}
              for name in ("ingest", "check", "profile", "train", "evaluate", "explain", "report")]  # fmt: skip
    manifest = {
        "id": folder.name, "recipe": "flights", "status": "finished", "started": "2026-11-23T14:00:00+00:00", "seconds": 91.2, "seed": 0, "parameters": {},
        "fingerprints": {"recipe": "abc123", "code": "def456", "environment": "0123", "sources": {"flights": "9999"}}, "stages": stages,
        "versions": {"python": "3.11.9", "mltoolkit": "0.1.0", "scikit-learn": "1.9.0", "pandas": "3.0.1"},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder

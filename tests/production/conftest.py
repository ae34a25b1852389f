"Tiny templates of a folder of their own, so that the mechanics of a run are tested without training anything."

import pytest
from tiny_templates import write_template

from mltoolkit.production.recipe import example_recipe


@pytest.fixture
def tiny(tmp_path):
    "A function that makes a template folder of stages given as name=work, in order."

    def make(**stages):
        for number, (name, work) in enumerate(stages.items(), 1):
            write_template(tmp_path / "pipeline", number, name, work)
        return tmp_path / "pipeline"

    return make


@pytest.fixture(scope="session")
def recipe():
    return example_recipe().with_params({"data.rows": 8000})

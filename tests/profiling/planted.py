"""Tables with something planted in them, each with the truth beside it, and tables with nothing in them.

- `personal_columns`: personal data in several formats; `honest_columns`: what resembles it and is not.
- `coded_columns`: codes for missing; `uncoded_columns`: values that only look like codes.
- `clean_table`: realistic, nothing wrong, a binary target honestly related.
- `drifted_pair`: before and after, with named drifts.
"""

import numpy as np
import pandas as pd

_NAMES = (
    "Mary James Anna Robert Maria Peter Laura Thomas Julia Daniel Grace Henry Sophie Carlos Yuki Omar Ingrid Jean Olga Raj",
    "Smith Jones Müller O'Brien García Schmidt Rossi Tanaka Andersen Kowalski van-Dijk Novak Silva Ahmed Larsen Dubois Patel Lee",
)
FIRST, LAST = (names.split() for names in _NAMES)


def luhn_digit(digits):
    total = 0
    for i, d in enumerate(reversed(digits)):
        d = int(d) * (2 if i % 2 == 0 else 1)
        total += d - 9 if d > 9 else d
    return str(-total % 10)


def cards(rng, n, prefix="4", length=16):
    bodies = [prefix + "".join(map(str, rng.integers(0, 10, length - 1 - len(prefix)))) for _ in range(n)]
    return [body + luhn_digit(body) for body in bodies]


def ibans(rng, n):
    out = []
    for _ in range(n):
        body = "".join(map(str, rng.integers(0, 10, 18)))
        check = 98 - int(body + "131400") % 97  # DE00
        out.append(f"DE{check:02d}{body}")
    return out


def people(rng, n):
    return [f"{rng.choice(FIRST)} {rng.choice(LAST)}" for _ in range(n)]


def in_fours(texts, mark=" "):
    return [mark.join(t[i : i + 4] for i in range(0, len(t), 4)) for t in texts]


def personal_columns(rows=400, seed=0):
    "(DataFrame of 30 columns of personal data, {column: semantic type}). Some have missing values and words for missing."
    rng = np.random.default_rng(seed)
    d, names = (lambda low, high: rng.integers(low, high, rows)), people(rng, rows)
    lower = [n.lower().replace(" ", ".").replace("'", "") for n in names]
    us = [f"{a}-{b}-{c:04d}" for a, b, c in zip(d(200, 1000), d(200, 1000), d(0, 10_000))]
    columns = {
        "email": ([f"{n}{i}@example.org" for i, n in enumerate(lower)], "email"),
        "kontakt": ([f"{n.title()} <{n}@mail.example.co.uk>" for n in lower], "email"),
        "notes": ([f"please write to {n}@example.com soon" if i % 3 else "no word yet" for i, n in enumerate(lower)], "email"),
        "E-Mail": ([f"{n.upper()}+news@EXAMPLE.COM" if i % 10 else "unknown" for i, n in enumerate(lower)], "email"),
        "reachable_at": ([f"+{a} {b} {c}" for a, b, c in zip(d(20, 99), d(100, 999), d(100_000, 9_999_999))], "phone"),
        "us_number": (us, "phone"),
        "home": ([f"({t[:3]}) {t[4:]}" for t in us], "phone"),
        "Telefon": ([f"0{a}/{b}" for a, b in zip(d(30, 999), d(100_000, 9_999_999))], "phone"),
        "mobile_phone": (d(15_000_000_000, 17_999_999_999), "phone"),
        "cell_phone": ([str(v) for v in d(2_000_000_000, 9_999_999_999)], "phone"),
        "source": ([".".join(map(str, rng.integers(1, 255, 4))) for _ in range(rows)], "ip"),
        "client_ip": ([f"10.0.0.{v}" for v in d(1, 255)], "ip"),
        "peer": ([":".join(f"{v:x}" for v in rng.integers(0, 65536, 8)) for _ in range(rows)], "ip"),
        "peer_short": ([f"2001:db8::{a:x}:{b:x}" for a, b in zip(d(0, 65536), d(0, 65536))], "ip"),
        "account": (ibans(rng, rows), "iban"),
        "account_spaced": (in_fours(ibans(rng, rows)), "iban"),
        "paid_with": (cards(rng, rows), "card"),
        "card_spaced": (in_fours(cards(rng, rows, "53")), "card"),
        "card_hyphens": (in_fours(cards(rng, rows, "6011"), "-"), "card"),
        "amex": (cards(rng, rows, "37", 15), "card"),
        "card_int": (np.array([int(c) for c in cards(rng, rows, "45")]), "card"),
        "first_name": ([n.split()[0] for n in names], "person_name"),
        "LastName": ([n.split()[1] for n in names], "person_name"),
        "customer_name": (names, "person_name"),
        "name": ([f"{n.split()[1]}, Mr. {n.split()[0]}" for n in names], "person_name"),
        "Nachname": ([n.split()[1].upper() for n in names], "person_name"),
        "ssn": ([f"{a:03d}-{b:02d}-{c:04d}" for a, b, c in zip(d(1, 600), d(1, 100), d(1, 10_000))], "national_id"),
        "ref": ([f"{a:03d}-{b:02d}-{c:04d}" for a, b, c in zip(d(1, 600), d(1, 100), d(1, 10_000))], "national_id"),
        "nino": ([f"AB{v:06d}C" for v in d(0, 1_000_000)], "national_id"),
        "dni": ([f"{v:08d}{'TRWAGMYFPDXBNJZSQVHLCKE'[v % 23]}" for v in d(0, 100_000_000)], "national_id"),
    }
    frame = pd.DataFrame({name: values for name, (values, _) in columns.items()})
    frame.loc[::17, "email"] = None
    return frame, {name: kind for name, (_, kind) in columns.items()}


AIRPORTS = "Chicago Ohare Intl|George Bush Intercontinental|John F Kennedy Intl|La Guardia|Miami Intl|General Edward Lawrence Logan Intl|Denver Intl"
AIRLINES = "United Air Lines Inc.|American Airlines Inc.|JetBlue Airways|Delta Air Lines Inc.|Endeavor Air Inc.|SkyWest Airlines Inc.|Virgin America"
MAKERS = "BOEING|AIRBUS|EMBRAER|BOMBARDIER INC|MCDONNELL DOUGLAS|CESSNA|JOHN DEERE|ROBINSON HELICOPTER CO"


def honest_columns(rows=400, seed=1):
    "A DataFrame of columns that resemble personal data and are none."
    rng = np.random.default_rng(seed)
    d, pick = (lambda low, high: rng.integers(low, high, rows)), (lambda text: rng.choice(text.split("|"), rows))
    hexes = ["".join(rng.choice(list("0123456789abcdef"), 64)) for _ in range(rows)]
    dates = pd.to_datetime("2013-01-01") + pd.to_timedelta(d(0, 365), unit="D")
    number = d(10**15, 10**16 - 1)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "customer_id": d(10**6, 10**7),
            "phone_id": d(10**9, 10**10),
            "random_16_digits": number,
            "random_16_text": number.astype(str),
            "sha256": hexes,
            "md5": [h[:32] for h in hexes],
            "git_hash": [h[:7] for h in hexes],
            "uuid": [f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:32]}" for h in hexes],
            "timestamp_s": d(1_300_000_000, 1_400_000_000),
            "timestamp_ms": d(1_300_000_000_000, 1_400_000_000_000),
            "timestamp_text": d(1_300_000_000, 1_400_000_000).astype(str),
            "price": np.round(rng.lognormal(3, 1, rows), 2),
            "price_text": [f"${v:,.2f}" for v in rng.lognormal(8, 1, rows)],
            "version": [f"{a}.{b}.{c}.{e}" for a, b, c, e in zip(d(1, 9), d(0, 20), d(0, 200), d(0, 99))],
            "app": [f"{a}.{b}.{c}" for a, b, c in zip(d(1, 9), d(0, 20), d(0, 20))],
            "build": [f"{a}.{b}.{c}.{e}" for a, b, c, e in zip(d(1, 9), d(0, 20), d(0, 9), d(0, 9))],
            "product_code": [f"AB-{v:05d}-X" for v in d(0, 100_000)],
            "article": [f"{a:03d}-{b:02d}-{c:04d}" for a, b, c in zip(d(0, 1000), d(0, 100), d(0, 10_000))],
            "part": [f"{a:03d}-{b:03d}-{c:04d}" for a, b, c in zip(d(0, 1000), d(0, 1000), d(0, 10_000))],
            "isbn": [f"0-{a:03d}-{b:05d}-{c}" for a, b, c in zip(d(0, 1000), d(0, 100_000), d(0, 10))],
            "ean": [f"{v:013d}" for v in d(4 * 10**12, 4 * 10**12 + 10**11)],
            "order_number": [f"{v:010d}" for v in d(0, 10**9)],
            "order_int": d(10**9, 10**10),
            "iso_date": dates.strftime("%Y-%m-%d"),
            "german_date": dates.strftime("%d.%m.%Y"),
            "us_date": dates.strftime("%m/%d/%Y"),
            "stamp": dates.strftime("%Y-%m-%dT08:%M:%SZ"),
            "clock": [f"{a:02d}:{b:02d}:{c:02d}" for a, b, c in zip(d(0, 24), d(0, 60), d(0, 60))],
            "hhmm": d(0, 24) * 100 + d(0, 60),
            "country": pick("DE|FR|US|NA|GB|JP|BR|IN"),
            "airport_name": pick(AIRPORTS),
            "name": pick(AIRPORTS + "|" + AIRLINES),
            "airline": pick(AIRLINES),
            "manufacturer": pick(MAKERS),
            "company_name": pick("Siemens|Toyota|Ford|Chanel|Henry Schein|Johnson Controls"),
            "product_name": pick("Mary Jane Shoes|Victoria Plum|Kindle|Walkman|Model T|Oliver Peoples"),
            "city": pick("Victoria|Charlotte|Adelaide|Paris|Sydney|Florence|Alexandria"),
            "zip": d(501, 99_951),
            "postcode_text": [f"{v:05d}" for v in d(501, 99_951)],
            "dest_lat": rng.uniform(20, 60, rows).round(6),
            "dest_lon": rng.uniform(-160, -70, rows).round(6),
            "mac": [":".join(h[i : i + 2] for i in range(0, 12, 2)) for h in hexes],
            "path": [f"/data/2013/{h[:6]}.csv" for h in hexes],
            "url": [f"https://example.org/item/{h[:6]}" for h in hexes],
            "handle": [f"@{h[:6]}" for h in hexes],
            "size": pick("3-4 years|5-6 years|7-8 years"),
            "review": pick("good value|came late|would buy again|not as shown in the picture"),
        }
    )


def coded_columns(rows=2_000, seed=2):
    "(DataFrame of columns with codes for missing, {column: [codes]}). Times are real times; text is text."
    rng = np.random.default_rng(seed)
    hit = lambda share: rng.random(rows) < share  # noqa: E731
    days = pd.to_datetime("2012-01-01") + pd.to_timedelta(rng.integers(0, 700, rows), unit="D")
    birth = pd.to_datetime("1940-01-01") + pd.to_timedelta(rng.integers(0, 22_000, rows), unit="D")
    frame = pd.DataFrame(
        {
            "temperature": np.where(hit(0.03), -999.0, rng.normal(12, 9, rows).round(1)),
            "altitude": np.where(hit(0.02), -9999, rng.integers(0, 3000, rows)),
            "income": np.where(hit(0.02), -99, rng.integers(0, 200_000, rows)),
            "age": np.where(hit(0.05), -1, rng.integers(18, 91, rows)),
            "seats": np.where(hit(0.01), 9999, rng.integers(2, 450, rows)),
            "score": np.where(hit(0.02), 99, rng.integers(1, 6, rows)),
            "visits": np.where(hit(0.02), 999, rng.poisson(9, rows)),
            "two_codes": np.where(hit(0.02), -99, np.where(hit(0.02), -999, rng.integers(0, 50, rows))),
            "colour": np.where(hit(0.05), "N/A", rng.choice(["red", "green", "blue"], rows)),
            "grade": np.where(hit(0.05), "?", rng.choice(["a", "b", "c"], rows)),
            "kind": np.where(hit(0.05), "unknown", rng.choice(["new", "used"], rows)),
            "unset": np.where(hit(0.03), np.datetime64("1970-01-01"), days),
            "valid_until": np.where(hit(0.3), np.datetime64("9999-12-31", "us"), days.astype("datetime64[us]")),
            "born": np.where(hit(0.03), np.datetime64("1900-01-01"), birth),
        }
    )
    truth = {"temperature": [-999], "altitude": [-9999], "income": [-99], "age": [-1], "seats": [9999], "score": [99], "visits": [999]}
    truth |= {"two_codes": [-99, -999], "colour": ["N/A"], "grade": ["?"], "kind": ["unknown"], "unset": ["1970-01-01T00:00:00"]}
    return frame, truth | {"valid_until": ["9999-12-31T00:00:00"], "born": ["1900-01-01T00:00:00"]}


def uncoded_columns(rows=2_000, seed=3):
    "A DataFrame in which -1, 99, 999, 1970 and words such as NA are honest values."
    rng = np.random.default_rng(seed)
    days = pd.to_datetime("1969-06-01") + pd.to_timedelta(np.sort(rng.integers(0, 700, rows)), unit="D")
    return pd.DataFrame(
        {
            "count_to_99": rng.integers(0, 100, rows),
            "percent": np.clip(rng.normal(90, 10, rows).round(), 0, 99),
            "capped": np.minimum(rng.poisson(80, rows), 99),
            "frost": rng.normal(0, 6, rows).round(),
            "change": rng.integers(-1, 2, rows),
            "delay": np.clip(rng.normal(-5, 25, rows).round(), -99, None),
            "flight": rng.integers(1, 9999, rows),
            "id": np.arange(rows) + 1,
            "profit": rng.normal(0, 500, rows).round(),
            "heavy": rng.pareto(1.2, rows).round(),
            "constant": np.full(rows, 99),
            "rank": rng.integers(1, 1000, rows),
            "country": rng.choice(["DE", "FR", "NA", "US", "GB"], rows),
            "sign": rng.choice(["+", "-"], rows),
            "surname": rng.choice(["Null", "Smith", "Jones"], rows),
            "day": days,
            "hhmm": rng.integers(0, 24, rows) * 100 + rng.integers(0, 60, rows),
        }
    )


def clean_table(rows=5_000, seed=4):
    "Numbers, categories, dates, missing values and a binary target `bought` that depends on them honestly (AUC about .75)."
    rng = np.random.default_rng(seed)
    age, visits = rng.normal(45, 14, rows).clip(18, 95).round(), rng.poisson(4, rows)
    income = np.exp(rng.normal(10.3, 0.4, rows)).round(-2)
    region, plan = rng.choice(["north", "south", "east", "west"], rows, p=[0.4, 0.3, 0.2, 0.1]), rng.choice(["basic", "plus"], rows, p=[0.7, 0.3])
    signed = pd.to_datetime("2022-01-01") + pd.to_timedelta(rng.integers(0, 730 * 24, rows), unit="h")
    logit = -2.2 + 0.03 * (age - 45) + 0.22 * visits + 0.9 * (plan == "plus") + 0.3 * (region == "north") + rng.normal(0, 0.5, rows)
    frame = pd.DataFrame(
        {
            "age": age,
            "income": income,
            "visits": visits,
            "distance_km": rng.gamma(2, 6, rows).round(1),
            "rating": rng.normal(3.5, 0.8, rows).clip(1, 5).round(1),
            "region": region,
            "plan": plan,
            "channel": rng.choice(["shop", "web", "phone", "partner"], rows, p=[0.3, 0.5, 0.15, 0.05]),
            "member": rng.random(rows) < 0.4,
            "signed": signed,
            "bought": rng.random(rows) < 1 / (1 + np.exp(-logit)),
        }
    )
    frame.loc[rng.random(rows) < 0.06, "rating"] = np.nan
    frame.loc[rng.random(rows) < 0.03, "income"] = np.nan
    return frame


def drifted_pair(rows=5_000, seed=5):
    "(before, after, {column: what was done to it}). Columns not named are drawn from the same distribution in both."
    before, after = clean_table(rows, seed=seed), clean_table(rows, seed=seed + 1)
    rng = np.random.default_rng(seed + 2)
    for frame in (before, after):
        frame["width"] = rng.normal(10, 1, rows).round(3)
        frame["weight"] = rng.normal(70, 9, rows).round(1)
        frame["code"] = rng.integers(1, 400, rows)
        frame["comment"] = rng.choice(["fine", "slow", "broken"], rows)
    after["age"] = after["age"] + 8
    after["width"] = (10 + 2.2 * (after["width"] - 10)).round(3)
    after["channel"] = np.where(rng.random(rows) < 0.06, "app", after["channel"])
    after["plan"] = rng.choice(["basic", "plus"], rows, p=[0.5, 0.5])
    after.loc[rng.random(rows) < 0.25, "rating"] = np.nan
    after["code"] = "C" + after["code"].astype(str)
    after = after.drop(columns="comment")
    after["campaign"] = rng.choice(["spring", "autumn"], rows)
    truth = {"age": "mean", "width": "variance", "channel": "new level", "plan": "share", "rating": "missing share"}
    return before, after, truth | {"code": "type", "comment": "removed", "campaign": "added"}

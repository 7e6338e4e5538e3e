"""Small tables with the columns, kinds of cells and missing cells of files that many people try.

For machines without the files themselves: names and formats are those of the files, values are
drawn at random, so that the target can be learned.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

Random = np.random.Generator
WORDS = ["hey", "see", "you", "at", "home", "lunch", "ok", "later", "love", "call", "tonight"]
SPAM = ["free", "prize", "win", "claim", "cash", "urgent", "txt", "now", "guaranteed"]


def write(name: str, folder: Path, rows: int) -> Path:
    """Write a table called `name`, and return its path."""
    random = np.random.default_rng(0)
    path = folder / f"{name}.csv"
    TABLES[name](random, rows).to_csv(path, index=False)
    return path


def _with_gaps(random: Random, cells: object, share: float) -> pd.Series:
    column = pd.Series(cells).astype(object)
    return column.mask(random.random(len(column)) < share)


def _titanic(random: Random, rows: int) -> pd.DataFrame:
    sex, pclass = random.choice(["male", "female"], rows), random.integers(1, 4, rows)
    age, who = random.uniform(1, 70, rows).round(1), np.where(sex == "male", "man", "woman")
    survived = (random.random(rows) < 0.8 - 0.6 * (sex == "male")).astype(int)
    port = random.integers(0, 3, rows)
    sibsp, parch = random.integers(0, 4, rows), random.integers(0, 3, rows)
    return pd.DataFrame(
        {
            "survived": survived, "pclass": pclass, "sex": sex,
            "age": _with_gaps(random, age, 0.2), "sibsp": sibsp, "parch": parch,
            "fare": random.exponential(30, rows).round(4),
            "embarked": _with_gaps(random, np.array(["S", "C", "Q"])[port], 0.02),
            "class": np.array(["First", "Second", "Third"])[pclass - 1], "who": who,
            "adult_male": who == "man",
            "deck": _with_gaps(random, random.choice(list("ABCDEFG"), rows), 0.77),
            "embark_town": np.array(["Southampton", "Cherbourg", "Queenstown"])[port],
            "alive": np.where(survived == 1, "yes", "no"), "alone": sibsp + parch == 0,
        }
    )  # fmt: skip


def _penguins(random: Random, rows: int) -> pd.DataFrame:
    kind = random.integers(0, 3, rows)
    sex, bill = random.choice(["MALE", "FEMALE"], rows), 38 + 5 * kind + random.normal(size=rows)
    return pd.DataFrame(
        {
            "species": np.array(["Adelie", "Chinstrap", "Gentoo"])[kind],
            "island": random.choice(["Biscoe", "Dream", "Torgersen"], rows),
            "bill_length_mm": _with_gaps(random, bill.round(1), 0.01),
            "bill_depth_mm": (18 - kind + random.normal(size=rows)).round(1),
            "flipper_length_mm": random.integers(172, 231, rows),
            "body_mass_g": (random.integers(54, 126, rows) + 15 * kind) * 50,
            "sex": _with_gaps(random, sex, 0.03),
        }
    )  # fmt: skip


def _mpg(random: Random, rows: int) -> pd.DataFrame:
    weight = random.integers(1600, 5200, rows)
    makes = random.choice(["ford", "toyota", "vw", "fiat"], rows)
    names = [f"{make} {number}" for number, make in enumerate(makes)]
    return pd.DataFrame(
        {
            "mpg": (50 - weight / 125 + random.normal(size=rows)).round(1),
            "cylinders": random.choice([4, 6, 8], rows),
            "displacement": random.uniform(70, 450, rows).round(1),
            "horsepower": _with_gaps(random, (weight / 30).round(0), 0.015),
            "weight": weight, "acceleration": random.uniform(8, 25, rows).round(1),
            "model_year": random.integers(70, 83, rows),
            "origin": random.choice(["usa", "japan", "europe"], rows), "name": names,
        }
    )  # fmt: skip


def _tips(random: Random, rows: int) -> pd.DataFrame:
    bill = random.uniform(3, 50, rows).round(2)
    return pd.DataFrame(
        {
            "total_bill": bill, "tip": (1 + bill / 9 + random.normal(size=rows) / 3).round(2),
            "sex": random.choice(["Male", "Female"], rows),
            "smoker": random.choice(["Yes", "No"], rows),
            "day": random.choice(["Thur", "Fri", "Sat", "Sun"], rows),
            "time": random.choice(["Lunch", "Dinner"], rows),
            "size": random.integers(1, 7, rows),
        }
    )  # fmt: skip


def _diamonds(random: Random, rows: int) -> pd.DataFrame:
    carat = random.exponential(0.6, rows).round(2) + 0.2
    edge = (6.3 * carat ** (1 / 3)).round(2)
    return pd.DataFrame(
        {
            "carat": carat, "cut": random.choice(["Fair", "Good", "Ideal", "Premium"], rows),
            "color": random.choice(list("DEFGHIJ"), rows),
            "clarity": random.choice(["IF", "SI1", "SI2", "VS1", "VS2"], rows),
            "depth": random.normal(61, 1, rows).round(1),
            "table": random.normal(57, 2, rows).round(1),
            "price": (4000 * carat**1.7 * random.uniform(0.9, 1.1, rows)).astype(int),
            "x": edge, "y": edge, "z": (edge * 0.62).round(2),
        }
    )  # fmt: skip


def _taxis(random: Random, rows: int) -> pd.DataFrame:
    start = pd.Timestamp("2019-03-01") + pd.to_timedelta(random.integers(0, 2**21, rows), unit="s")
    distance = random.exponential(3, rows).round(2)
    minutes = distance * 3 + random.uniform(1, 4, rows)
    end = start + pd.to_timedelta((60 * minutes).astype(int), unit="s")
    boroughs, zones = ["Manhattan", "Queens", "Bronx"], [f"Zone {n}" for n in range(20)]
    fare = (2.5 + 2 * distance + minutes / 4).round(1)
    tip, toll = (fare * random.uniform(0, 0.3, rows)).round(2), random.choice([0.0, 5.76], rows)
    return pd.DataFrame(
        {
            "pickup": start, "dropoff": end, "passengers": random.integers(0, 7, rows),
            "distance": distance, "fare": fare,
            "tip": tip, "tolls": toll, "total": (fare + tip + toll).round(2),
            "color": random.choice(["yellow", "green"], rows),
            "payment": _with_gaps(random, random.choice(["cash", "credit card"], rows), 0.01),
            "pickup_zone": _with_gaps(random, random.choice(zones, rows), 0.01),
            "dropoff_zone": random.choice(zones, rows),
            "pickup_borough": random.choice(boroughs, rows),
            "dropoff_borough": random.choice(boroughs, rows),
        }
    )  # fmt: skip


def _planets(random: Random, rows: int) -> pd.DataFrame:
    kind = random.choice(4, rows, p=[0.5, 0.4, 0.06, 0.04])
    period = np.exp(random.normal(2 + 2 * (kind != 1), 1, rows))
    methods = ["Radial Velocity", "Transit", "Imaging", "Microlensing"]
    return pd.DataFrame(
        {
            "method": np.array(methods)[kind], "number": random.integers(1, 8, rows),
            "orbital_period": _with_gaps(random, period, 0.05),
            "mass": _with_gaps(random, random.exponential(2, rows).round(3), 0.5),
            "distance": _with_gaps(random, random.exponential(200, rows).round(2), 0.2),
            "year": random.integers(1989, 2015, rows),
        }
    )  # fmt: skip


def _flights(random: Random, rows: int) -> pd.DataFrame:
    months = pd.date_range("1949-01-01", periods=rows, freq="MS")
    wave = 1 + 0.2 * np.sin(months.month / 2)
    return pd.DataFrame(
        {
            "year": months.year, "month": months.strftime("%B"),
            "passengers": ((100 + 2.5 * np.arange(rows)) * wave).astype(int),
        }
    )  # fmt: skip


def _spam(random: Random, rows: int) -> pd.DataFrame:
    spam = random.random(rows) < 0.15
    texts = [
        f"{' '.join(random.choice(SPAM if each else WORDS, 8))} {number}"
        for number, each in enumerate(spam)
    ]
    return pd.DataFrame({"Label": np.where(spam, "spam", "ham"), "SMS": texts})


TABLES: dict[str, Callable[[Random, int], pd.DataFrame]] = {
    "titanic": _titanic, "penguins": _penguins, "mpg": _mpg, "tips": _tips, "diamonds": _diamonds,
    "taxis": _taxis, "planets": _planets, "flights": _flights, "spam": _spam,
}  # fmt: skip

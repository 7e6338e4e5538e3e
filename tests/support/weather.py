"""Made weather: hourly rows with cycles of a day and of a month, fronts, and noise."""

from pathlib import Path

import numpy as np


def write_weather(path: Path, count: int, seed: int = 0) -> Path:
    """Write a CSV with the columns when, pressure, humidity and degrees."""
    noise = np.random.default_rng(seed).normal(size=(3, count))
    hours = np.arange(count)
    front = np.zeros(count)  # drifts, and returns to 0 within days
    for hour in range(1, count):
        front[hour] = 0.98 * front[hour - 1] + 0.6 * noise[0, hour]
    day, month = (np.sin(2 * np.pi * hours / period) for period in (24, 24 * 30))
    degrees = 9 + 8 * month + 4 * day + front + 0.3 * noise[1]
    pressure = 990 - 1.5 * np.roll(front, -4) + 0.3 * noise[2]  # falls before warm air comes
    humidity = 75 - 3 * day - front
    moments = np.datetime64("2009-01-01T00:00") + hours.astype("m8[h]")
    rows = zip(moments, pressure.round(2), humidity.round(1), degrees.round(2), strict=True)
    lines = ["when,pressure,humidity,degrees", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path

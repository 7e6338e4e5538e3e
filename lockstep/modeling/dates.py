"""ISO dates as numbers, in TensorFlow."""

import tensorflow as tf

DATE = r"^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?)?$"


def days(cells: tf.Tensor) -> tf.Tensor:
    """Days since 1970 of ISO dates, by the days from the civil calendar; NaN for other texts."""
    year, month, day, hour, minute, second = _numbers(cells)
    seconds = hour * 3600 + minute * 60 + second
    early = tf.cast(month <= 2, tf.float64)
    year = year - early
    era = tf.floor(year / 400)
    of_era = year - era * 400
    of_year = tf.floor((153 * (month - 3 + 12 * early) + 2) / 5) + day - 1
    of_era_days = of_era * 365 + tf.floor(of_era / 4) - tf.floor(of_era / 100) + of_year
    return era * 146097 + of_era_days - 719468 + seconds / 86400


def date_part(cells: tf.Tensor, part: str) -> tf.Tensor:
    """The weekday, from Monday, the month or the hour of ISO dates, from 0; NaN for other texts."""
    if part == "weekday":
        return tf.math.floormod(tf.floor(days(cells)) + 3, 7)  # 1970 began on a Thursday
    _, month, _, hour, _, _ = _numbers(cells)
    return month - 1 if part == "month" else hour


def _numbers(cells: tf.Tensor) -> list[tf.Tensor]:
    """Year, month, day, hour, minute and second, float64; NaN for other texts."""
    valid = tf.strings.regex_full_match(cells, DATE)
    whole = tf.where(valid, cells, "1970-01-01")

    def number(group: int) -> tf.Tensor:
        text = tf.strings.regex_replace(whole, DATE, rf"\{group}")
        found = tf.strings.to_number(tf.where(text == "", "0", text), tf.float64)
        return tf.where(valid, found, tf.constant(float("nan"), tf.float64))

    return [number(group) for group in range(1, 7)]

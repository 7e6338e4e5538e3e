"""ISO dates as numbers, in TensorFlow: the same as data/ready has, bit for bit."""

import tensorflow as tf

from lockstep.data.spec.dates import DATE, DAY, OFFSET

SECOND = 10**6  # microseconds
NAN = float("nan")


def days(cells: tf.Tensor) -> tf.Tensor:
    """Days since 1970 of ISO dates, in UTC where they have a zone; NaN for other texts."""
    moments = tf.cast(_microseconds(cells), tf.float64) / DAY
    return tf.where(_are_dates(cells), moments, tf.constant(NAN, tf.float64))


def date_part(cells: tf.Tensor, part: str) -> tf.Tensor:
    """The weekday, from Monday, the month or the hour of ISO dates, from 0; NaN for other texts."""
    moments = _microseconds(cells)
    number = {
        "weekday": lambda: (moments // DAY + 3) % 7,  # 1970 began on a Thursday
        "month": lambda: _month(moments // DAY),
        "hour": lambda: moments % DAY // (3600 * SECOND),
    }[part]()
    return tf.where(_are_dates(cells), tf.cast(number, tf.float64), tf.constant(NAN, tf.float64))


def _are_dates(cells: tf.Tensor) -> tf.Tensor:
    return tf.strings.regex_full_match(cells, DATE)


def _microseconds(cells: tf.Tensor) -> tf.Tensor:
    """Microseconds since 1970, int64: float64 wouldn't have all of them."""
    whole = tf.where(_are_dates(cells), cells, "1970-01-01")
    year, month, day, hour, minute, second = (_number(whole, DATE, rf"\{n}") for n in range(1, 7))
    digits = tf.strings.substr(_group(whole, DATE, r"\7") + "000000", 0, 6)
    zone = _group(whole, DATE, r"\8")
    seconds = hour * 3600 + (minute - _offset(zone)) * 60 + second
    fraction = tf.strings.to_number(digits, tf.int64)
    return _days_of(year, month, day) * DAY + seconds * SECOND + fraction


def _offset(zone: tf.Tensor) -> tf.Tensor:
    """Minutes that a zone is before UTC."""
    offset = tf.where(tf.strings.regex_full_match(zone, OFFSET), zone, "+00")
    minutes = _number(offset, OFFSET, r"\2") * 60 + _number(offset, OFFSET, r"0\3")
    return tf.where(_group(offset, OFFSET, r"\1") == "-", -minutes, minutes)


def _group(cells: tf.Tensor, pattern: str, groups: str) -> tf.Tensor:
    return tf.strings.regex_replace(cells, pattern, groups)


def _number(cells: tf.Tensor, pattern: str, groups: str) -> tf.Tensor:
    text = _group(cells, pattern, groups)
    return tf.strings.to_number(tf.where(text == "", "0", text), tf.int64)


def _days_of(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """Days since 1970 of the civil calendar, whose years are counted from March here."""
    early = tf.cast(month <= 2, tf.int64)
    year -= early
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month - 3 + 12 * early) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def _month(since: tf.Tensor) -> tf.Tensor:
    """The month, from 0, of days since 1970."""
    of_era = (since + 719468) % 146097
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    return ((5 * of_year + 2) // 153 + 2) % 12

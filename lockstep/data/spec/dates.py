"""ISO dates as cells of a table: one pattern, for stored data and for the serving model.

pyarrow and TensorFlow both match by RE2. Its groups are year, month, day, hour, minute, second, up
to six digits of a fraction, and the zone. A zone is converted to UTC.
"""

DATE = (
    r"^(\d{4})-(\d{2})-(\d{2})"
    r"(?:[T ](\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?)?"
    r"(?: ?(Z|UTC|[+-]\d{2}(?::?\d{2})?))?)?$"
)
ZONED = r"[T ].*(?:Z|UTC|[+-]\d{2}(?::?\d{2})?)$"  # of what is a date
OFFSET = r"^([+-])(\d{2}):?(\d{2})?$"  # sign, hours and minutes of a zone
DAY = 86_400 * 10**6  # microseconds

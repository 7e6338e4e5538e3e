"""Tables as people have them: a column is what its cells certainly are, or one line asks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from lockstep.data.spec import Spec, load_examples
from lockstep.errors import LockstepError
from tests.data.test_user_files import normalized
from tests.support.workspaces import change_params

COUNT = 60
COLOURS = ("red", "green", "blue")


def rows_of(cell: Callable[[int], object], count: int = COUNT) -> str:
    """A CSV of a column `a` with these cells, and a numeric target."""
    return "a,y\n" + "".join(f"{cell(number)},{number / 7}\n" for number in range(count))


@pytest.fixture
def table(workspace: Path, tmp_path: Path) -> Callable[..., tuple[Spec, np.ndarray]]:
    """Normalizes a CSV; returns spec.json and the training matrix."""

    def make(content: str | bytes, name: str = "mine.csv", **changes: Any) -> Any:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        more = {key: changes.pop(key) for key in ("missing", "missing_indicator") if key in changes}
        change_params(workspace, {f"normalize.{key}": value for key, value in more.items()})
        spec = normalized(workspace, path, name="csv", validation_split=0.0, **changes)
        return spec, np.asarray(load_examples(workspace, "train").x)

    return make


def column(spec: Spec, name: str = "a") -> Any:
    return spec.inputs["x"].columns[name]


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        (lambda n: n, "number"),
        (lambda n: f"{n}.5e3", "number"),
        (lambda n: n % 2, "number"),
        (lambda n: COLOURS[n % 3], "category"),
        (lambda n: n % 2 == 0, "boolean"),
        (lambda n: ("yes", "No")[n % 2], "boolean"),
        (lambda n: f"2024-02-{n % 28 + 1:02}", "date"),
        (lambda n: f"2024-02-{n % 28 + 1:02} 10:30:00", "date"),
    ],
)
def test_a_certain_kind(table: Any, cell: Callable[[int], object], kind: str) -> None:
    spec, _ = table(rows_of(cell))
    assert column(spec).kind == kind


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        (lambda n: f"id{n}", "60 of 60 texts are different: ids, texts or categories"),
        (lambda n: f"sentence number {n}", "set data.columns to {a: drop|text|category}"),
        (
            lambda n: "low" if n == 7 else n,
            r"row 9: column 'a' is 'low': 59 of 60 cells are num",
        ),
        (
            lambda n: n % 4,
            "4 different whole numbers, which may be amounts or codes; set data.colu",
        ),
        (
            lambda n: f'"{n + 1},163"',
            "is '1,163': commas may be decimal marks or thousands; set data",
        ),
        (lambda n: f"${n}.50", r"is '\$0.50': numbers with a sign; set data.columns to {a: number"),
        (lambda n: f"{n}.0%", "is '0.0%': numbers with a sign; set data.columns to {a: number"),
        (lambda n: n if n % 5 else "", r"column 'a': \d+ of 48 cells are missing: set normalize.m"),
        (lambda n: n if n % 5 else "NA", "are missing: set normalize.missing to mean, median, con"),
        (lambda n: n if n % 5 else "?", "are missing: set normalize.missing to mean, median, con"),
        (lambda n: n * 1e40, "is too large for float32; scale or drop it"),
        (lambda n: n % 2 * 1e9 + n / 8, "are one number in float32; scale or drop it"),
    ],
)
def test_what_is_not_certain_is_asked_in_a_line(
    table: Any, cell: Callable[[int], object], line: str
) -> None:
    with pytest.raises(LockstepError, match=line.replace("{", r"\{").replace("|", r"\|")):
        table(rows_of(cell))


def test_a_column_without_cells_in_the_training_split_is_to_be_dropped(table: Any) -> None:
    rows = [f"{number * 1.5 if number >= 48 else ''},{number},{number / 7}" for number in range(60)]
    line = r"train split: column 'a': 48 of 48 cells are missing: set data.columns to \{a: drop\}"
    with pytest.raises(LockstepError, match=line):
        table("\n".join(["a,t,y", *rows]), missing="median", time="t")


@pytest.mark.parametrize(
    ("cell", "kind", "first"),
    [
        (lambda n: f"${n}.50", "number", 0.5),
        (lambda n: f"{n}.0%", "number", 0),
        (lambda n: n % 4, "category", 1),
        (lambda n: f"id{n}", "category", 1),
        (lambda n: "low" if n == 7 else n, "category", 1),
    ],
)
def test_the_answer_is_taken(
    table: Any, cell: Callable[[int], object], kind: str, first: float
) -> None:
    spec, x = table(rows_of(cell), columns={"a": kind})
    assert column(spec).kind == kind
    assert x[:, 0].min() == first


def test_numbers_of_any_notation(table: Any) -> None:
    for content in (
        "a;y\n" + "".join(f"{n},7;{n}\n" for n in range(COUNT)),
        "a;y\n" + "".join(f"1.{n:03},7;{n}\n" for n in range(COUNT)),
        "a,y\n" + "".join(f'"1,{n:03}.7",{n}\n' for n in range(COUNT)),
        "a\ty\n" + "".join(f"{n}.7\t{n}\n" for n in range(COUNT)),
        "a|y\n" + "".join(f"{n}.7|{n}\n" for n in range(COUNT)),
        "a y\n" + "".join(f"{n}.7 {n}\n" for n in range(COUNT)),
    ):
        _, x = table(content)
        assert np.allclose(np.sort(x[:, 0]) % 1, 0.7, atol=1e-4)
        assert len(np.unique(x)) == len(x)


@pytest.mark.parametrize(
    ("encoding", "given"),
    [("utf-8", None), ("utf-8-sig", None), ("utf-16", None), ("latin-1", "latin-1")],
)
def test_encodings(table: Any, encoding: str, given: str | None) -> None:
    spec, _ = table(rows_of(lambda n: "äöü"[n % 3]).encode(encoding), encoding=given)
    assert column(spec).categories == ["", "ä", "ö", "ü"]


def test_an_encoding_that_is_not_known_is_asked_for(table: Any) -> None:
    with pytest.raises(LockstepError, match="isn't UTF-8: save it as UTF-8, or set"):
        table(rows_of(lambda n: "äöü"[n % 3]).encode("latin-1"))


@pytest.mark.parametrize(
    ("top", "name"),
    [("", "column_1"), ("# of 2024\n#more\na,y\n", "a"), ("\n\na,y\n", "a")],
)
def test_headers_and_comments(table: Any, top: str, name: str) -> None:
    spec, _ = table(top + "".join(f"{n}.5,{n / 7}\n" for n in range(COUNT)))
    assert list(spec.inputs["x"].columns) == [name]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("ham,Go\nspam,free\nham,ok\n", "'ham' is below it too: set data.header to true or false"),
        ("country,1990,1991\nfr,1,2\nde,3,4\n", "since it has '1990': set data.header to true"),
        ("a,a\n1,2\n", "two columns are called 'a'"),
        ("a,b\n1,2\n3\n4,5\n", "row 3 has 1 cells, expected 2"),
        ("", "empty, expected a header"),
        ("\n\n", "empty, expected a header"),
        ("a,b\n", "only one row, expected a header and rows below it"),
        ("one\ntwo\nthree\n", "the delimiter isn't certain"),
        ('a,b\n"1,2\n', "not a delimited text file|the delimiter isn't certain"),
    ],
)
def test_a_file_in_doubt_is_refused(table: Any, content: str, line: str) -> None:
    with pytest.raises(LockstepError, match=line):
        table(content)


def test_columns_without_a_name_or_cells_are_left_out(
    table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, _ = table("a,empty,y,\n" + "".join(f"{n},NA,{n},\n" for n in range(COUNT)), target="y")
    assert list(spec.inputs["x"].columns) == ["a"]
    spec, _ = table(",a,y\n" + "".join(f"{n},{n / 2},{n}\n" for n in range(COUNT)))
    assert list(spec.inputs["x"].columns) == ["a"]
    said = capsys.readouterr().err
    assert "column 'empty' is left out: all cells are missing\n" in said
    assert "column '' is left out: it has neither a name nor cells\n" in said
    assert "column '' is left out: it has no name, and numbers the rows\n" in said


@pytest.mark.parametrize(
    ("missing", "fill"), [("mean", None), ("median", None), ("constant", 0), (-1, -1)]
)
def test_missing_numbers_are_replaced(table: Any, missing: Any, fill: float | None) -> None:
    spec, x = table(rows_of(lambda n: (1, "", 3)[n % 3]), missing=missing)
    functions = {"mean": np.nanmean, "median": np.nanmedian}
    expected = functions[missing](x) if missing in functions else fill
    assert (column(spec).fill, column(spec).missing) == (pytest.approx(expected), True)
    assert np.isnan(x).sum() > 10
    assert spec.input_shape == (1,)
    spec, _ = table(rows_of(lambda n: (1, "", 3)[n % 3]), missing=missing, missing_indicator=True)
    assert spec.input_shape == (2,)


def test_a_missing_category_is_a_category(table: Any) -> None:
    spec, x = table(rows_of(lambda n: ("x", "", "y")[n % 3]))
    assert column(spec).categories == ["", "x", "y"]
    assert (column(spec).missing, spec.input_shape) == (True, (4,))
    assert set(x[:, 0].tolist()) == {1, 2, 3}


def test_a_missing_target_is_refused_or_left_out(table: Any) -> None:
    content = "a,y\n" + "".join(f"{n},{n / 7 if n % 6 else ''}\n" for n in range(COUNT))
    with pytest.raises(LockstepError, match=r"row 2: target 'y' is missing, as in 10 rows: add it"):
        table(content)
    assert sum(table(content, drop_missing_targets=True)[0].splits.values()) == 50


def test_one_second_of_unix_time_stays_one_second(table: Any) -> None:
    spec, x = table(rows_of(lambda n: 1_700_000_000 + n))
    assert column(spec).origin == 1_700_000_000
    assert set(np.diff(np.sort(x[:, 0]))) <= {1, 2, 3, 4}
    assert len(np.unique(x)) == len(x)


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".jsonl"])
def test_files_with_types(workspace: Path, tmp_path: Path, suffix: str) -> None:
    rows = [{"n": n / 2, "c": COLOURS[n % 3], "b": n % 2 == 0, "y": n / 7} for n in range(COUNT)]
    path = tmp_path / f"mine{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        write = (
            pyarrow.parquet.write_table if suffix == ".parquet" else pyarrow.feather.write_feather
        )
        write(pa.Table.from_pylist(rows), path)
    spec = normalized(workspace, path, name="table", validation_split=0.0)
    kinds = {name: each.kind for name, each in spec.inputs["x"].columns.items()}
    assert kinds == {"n": "number", "c": "category", "b": "boolean"}


SENTENCES = [f"what a {'good' if n % 2 else 'bad'} film, number {n}" for n in range(COUNT)]


def test_a_text_column_alone_is_the_input(table: Any) -> None:
    content = "note,y\n" + "".join(f'"{text}",{n % 2}\n' for n, text in enumerate(SENTENCES))
    spec, _ = table(content, columns={"note": "text"}, target="y")
    assert list(spec.inputs) == ["note"]
    assert (spec.inputs["note"].kind, spec.inputs["note"].dtype) == ("text", "uint16")


def test_a_text_column_beside_others_is_an_input_of_its_own(
    workspace: Path, tmp_path: Path
) -> None:
    content = "a,note,y\n" + "".join(f'{n / 2},"{text}",{n}\n' for n, text in enumerate(SENTENCES))
    (tmp_path / "mine.csv").write_text(content)
    spec = normalized(workspace, tmp_path / "mine.csv", columns={"note": "text"})
    assert {name: each.kind for name, each in spec.inputs.items()} == {"x": "table", "note": "text"}


def test_a_row_keeps_its_number_beside_rows_without_a_target(table: Any) -> None:
    content = "a,y\n" + "".join(
        f"{n if n != 30 else 'x'},{n if n % 6 else ''}\n" for n in range(60)
    )
    with pytest.raises(LockstepError, match=r"row 32: column 'a' is 'x', expected a number"):
        table(content, drop_missing_targets=True, columns={"a": "number"})


@pytest.mark.parametrize(
    "content",
    [
        '"a\nb",y\n' + "".join(f"{n}.5,{n / 7}\n" for n in range(COUNT)),
        "# note\n\n" + '"a\nb",y\n' + "".join(f"{n}.5,{n / 7}\n" for n in range(COUNT)),
    ],
)
def test_a_header_of_two_lines(table: Any, content: str) -> None:
    spec, x = table(content)
    assert (list(spec.inputs["x"].columns), sum(spec.splits.values())) == (["a\nb"], COUNT)
    assert set(x[:, 0].tolist()) <= {n + 0.5 for n in range(COUNT)}


@pytest.mark.parametrize("mark", ["\n", "\u2028", "\x0c", "\x85"])
def test_cells_of_several_lines(table: Any, mark: str) -> None:
    cells = [f'"note {number}{mark}below"' for number in range(300)]
    content = "a,b,y\n" + "".join(f"{cell},{n}.5,{n / 7}\n" for n, cell in enumerate(cells))
    spec, _ = table(content, columns={"a": "drop"})
    assert sum(spec.splits.values()) == 300


def test_rows_that_stray_quotes_merge_are_told(
    table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"note {number}\t{number}.5\t{number / 7}" for number in range(COUNT)]
    lines[3], lines[5] = '"' + lines[3], lines[5].replace("\t", '"\t', 1)
    spec, _ = table("a\tb\ty\n" + "\n".join(lines) + "\n", columns={"a": "drop"})
    assert sum(spec.splits.values()) < COUNT
    assert (
        "1 cells in quotes hold line breaks and tabs; if these are rows" in capsys.readouterr().err
    )


def test_parts_of_dates_are_categories(table: Any) -> None:
    day = np.datetime64("2023-12-25T05:07:09") + np.arange(COUNT) * np.timedelta64(29, "h")
    texts = [str(each) if number % 9 else "" for number, each in enumerate(day)]
    columns = {"a": ["date", "month", "weekday", "hour"]}
    spec, x = table(rows_of(lambda n: texts[n]), columns=columns, missing="mean", test_split=0.01)
    assert list(spec.inputs["x"].columns) == ["a", "a month", "a weekday", "a hour"]
    there = ~np.isnan(x[:, 0])
    days = x[there, 0].astype(float) + column(spec).origin
    assert (x[there, 2] == np.floor(days + 3) % 7 + 1).all()  # 1970 began on a Thursday
    assert set(x[there, 1].tolist()) <= {12, 1, 2, 3}
    assert (x[there, 3] == np.floor(days % 1 * 24 + 1e-6) + 1).all()
    assert column(spec, "a weekday").categories[1] == "Monday"
    assert x[~there, 1:].tolist() == [[13, 8, 25]] * int((~there).sum())


def test_a_part_of_a_date_that_is_a_column_too_is_refused(table: Any) -> None:
    days = [f"2024-01-{number % 28 + 1:02},{number * 1.5},{number / 7}" for number in range(COUNT)]
    content = "day,day month,y\n" + "\n".join(days) + "\n"
    with pytest.raises(LockstepError, match="column 'day month' is in the file, and data"):
        table(content, columns={"day": ["date", "month"]})


def test_parts_of_dates_are_served_as_stored(tensorflow: Any) -> None:
    import pyarrow.compute as pc

    from lockstep.data.columns.dates import convert_part
    from lockstep.modeling.dates import date_part

    moments = np.datetime64("1899-02-27T23:59:59") + np.arange(3000) * np.timedelta64(13, "D")
    texts = [str(each) for each in moments] + ["2024-02-29", "2000-12-31 23:30", "soon", ""]
    cells = pa.chunked_array([pa.array([text if text[:1].isdigit() else None for text in texts])])
    for part in ("weekday", "month", "hour"):
        served = np.nan_to_num(date_part(tensorflow.constant(texts), part).numpy(), nan=-1)
        np.testing.assert_array_equal(served, convert_part(cells, part).numbers)
    assert pc.is_null(cells).to_pylist()[-2:] == [True, True]


@pytest.mark.parametrize("columns", [{"a": ["weekday"]}, {"a": ["date", "date"]}, {"a": []}])
def test_parts_without_their_date_are_refused(table: Any, columns: dict[str, Any]) -> None:
    with pytest.raises(LockstepError, match=r"data\.columns"):
        table(rows_of(lambda n: n / 2), columns=columns)


def test_texts_that_stand_for_missing_numbers_are_declared(table: Any) -> None:
    content = rows_of(lambda n: n / 2 if n % 9 else "unknown")
    line = r"53 of 60 cells are numbers, this one isn't; .*, or data.null_values to \[unknown\]"
    with pytest.raises(LockstepError, match=line):
        table(content)
    spec, _ = table(content, null_values=["unknown"], missing="mean")
    assert (column(spec).kind, column(spec).missing) == ("number", True)


def test_columns_without_names_are_called_as_by_pandas(
    table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    content = "a,y,,\n" + "".join(f"{n},{n},,\n" for n in range(COUNT))
    spec, _ = table(content, target="y")
    assert list(spec.inputs["x"].columns) == ["a"]
    said = capsys.readouterr().err
    assert "column 'Unnamed: 2' is left out: it has neither a name nor cells\n" in said
    cells = "".join(f"{n},{n},more {n},\n" for n in range(COUNT))
    line = r'set data.columns to {"Unnamed: 2": drop\|text\|category}'
    with pytest.raises(LockstepError, match=line):
        table("a,y,,\n" + cells, target="y")
    spec, _ = table("a,y,,\n" + cells, target="y", columns={"Unnamed: 2": "drop"})
    assert list(spec.inputs["x"].columns) == ["a"]


def test_a_line_about_kinds_also_tells_of_missing_numbers(table: Any) -> None:
    content = "a,b,y\n" + "".join(f"{n % 3},{n if n % 9 else ''},{n}\n" for n in range(COUNT))
    line = r"set data.columns to {a: .*}, and normalize.missing, since cells are missing in b"
    with pytest.raises(LockstepError, match=line):
        table(content)
    columns = {"a": "number"}
    spec, _ = table(content, columns=columns, missing="median")
    assert column(spec, "b").fill is not None


def test_a_text_column_may_not_be_called_as_the_table(table: Any) -> None:
    content = "a,x,y\n" + "".join(f'{n},"{text}",{n}\n' for n, text in enumerate(SENTENCES))
    with pytest.raises(LockstepError, match="column 'x' becomes an array of its own"):
        table(content, columns={"x": "text"})


def test_numbers_to_predict_are_described_by_the_training_split(
    workspace: Path, table: Any
) -> None:
    spec, _ = table("a,y\n" + "".join(f"{n},{1000 + n / 7}\n" for n in range(COUNT)))
    y = np.asarray(load_examples(workspace, "train").y, np.float64)
    assert spec.targets["y"].statistics == pytest.approx({"mean": y.mean(), "deviation": y.std()})

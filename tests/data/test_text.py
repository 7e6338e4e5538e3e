"""Text gets the same token ids from Python (stored data) and from TensorFlow (served model)."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.config.schema import Normalize
from lockstep.data.spec import load_examples
from lockstep.data.spec.tokens import split_words
from lockstep.data.text import store_texts, vocabulary
from lockstep.errors import DataError
from tasks.datasets import imdb
from tests.data.test_user_files import normalized
from tests.support.workspaces import champion, change_params, run_stages, with_values

TEXTS = [
    "A fine film. A FINE film!",
    "<br />I don't <br />know<br />it",
    "",
    "...",
    "naïve Ünder \u00a0日本 'quoted'\tEND\n",
    "one two three four five six",
]


def options(max_tokens: int, sequence_length: int, tokens: str = "words") -> Normalize:
    given = {"max_tokens": max_tokens, "sequence_length": sequence_length, "tokens": tokens}
    return with_values({}).normalize.model_copy(update=given)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXTS[0], ["a", "fine", "film", "a", "fine", "film"]),
        (TEXTS[1], ["i", "dont", "know", "it"]),
        (TEXTS[2], []),
        (TEXTS[3], []),
        (TEXTS[4], ["naïve", "Ünder", "\u00a0日本", "quoted", "end"]),
    ],
)
def test_words_are_lowercase_ascii_letters_digits_and_non_ascii(
    text: str, words: list[str]
) -> None:
    assert split_words(text) == words


def test_the_vocabulary_is_sorted_by_frequency_then_alphabetically() -> None:
    found = vocabulary(["b a c", "c a", "d"], 5)
    assert found == ["", "[unknown]", "a", "c", "b"]


def test_texts_are_padded_and_truncated_at_the_start() -> None:
    raw = {"train": np.array(["a b c d", "a"], object), "test": np.array(["d x"], object)}
    described, stored = store_texts(raw, options(5, 3))
    assert (described.kind, described.shape, described.dtype) == ("text", [3], "uint16")
    assert described.words == ["", "[unknown]", "a", "b", "c"]
    assert stored["train"].tolist() == [[3, 4, 1], [0, 0, 2]]
    assert stored["test"].tolist() == [[0, 1, 1]]


def test_two_processes_give_the_ids_of_one() -> None:
    texts = np.array([f"{text} {number % 70}" for number in range(80) for text in TEXTS], object)
    raw = {"train": texts, "test": texts[::-1]}
    (one, stored), (two, again) = (store_texts(raw, options(40, 5), count) for count in (1, 2))
    assert one == two
    for split, ids in stored.items():
        np.testing.assert_array_equal(ids, again[split])


@pytest.mark.parametrize("tokens", ["words", "characters"])
@pytest.mark.parametrize("length", [1, 4, 50])
def test_the_serving_layer_gives_the_stored_ids(tensorflow: Any, length: int, tokens: str) -> None:
    from lockstep.modeling.layers import TextToIds

    described, stored = store_texts({"train": np.array(TEXTS, object)}, options(8, length, tokens))
    layer = TextToIds(described.words, length, tokens)
    np.testing.assert_array_equal(layer(tensorflow.constant(TEXTS)), stored["train"])
    alone = [layer(tensorflow.constant([text]))[0] for text in TEXTS]
    np.testing.assert_array_equal(alone, stored["train"])


@pytest.mark.system
def test_the_serving_layer_gives_the_ids_of_all_published_reviews(
    tensorflow: Any, test_data: Path
) -> None:
    from lockstep.modeling.layers import TextToIds

    splits = imdb.read(one_file(test_data / "imdb"))
    assert [len(x) for x, _ in splits.values()] == [25_000, 25_000]
    assert [y.sum() for _, y in splits.values()] == [12_500, 12_500]
    described, stored = store_texts(
        {split: x for split, (x, _) in splits.items()}, options(10_000, 400)
    )
    layer = tensorflow.function(TextToIds(described.words, 400))
    texts = splits["test"][0]
    for start in range(0, len(texts), 500):
        found = layer(tensorflow.constant(texts[start : start + 500].tolist()))
        np.testing.assert_array_equal(found, stored["test"][start : start + 500])


def one_file(folder: Path) -> Path:
    if not (folder / "aclImdb_labelled.tar.gz").exists():
        pytest.skip(f"no archive of reviews in {folder}: set LOCKSTEP_TEST_DATA to a mirror")
    return folder


@pytest.mark.system
def test_a_registered_model_takes_sentences(
    make_workspace: Callable[..., Path], tensorflow: Any, test_data: Path
) -> None:
    one_file(test_data / "imdb")
    changes = {
        "data.name": "imdb", "data.mirror": str(test_data), "normalize.max_tokens": 2000,
        "normalize.sequence_length": 40, "model.name": "lstm",
        "train.epochs": None, "train.steps": 40,
        "train.optimizer": "rmsprop", "train.learning_rate": 0.01, "register.threshold": 0.0,
    }  # fmt: skip
    root = run_stages(make_workspace(changes))
    texts, labels = imdb.read(root / "data" / "raw")["test"]
    model, outputs = champion(root), np.load(root / "report" / "outputs.npy")
    some = np.arange(0, len(texts), 2500)
    found = model.predict(texts[some].tolist())
    np.testing.assert_allclose(found, outputs[some], atol=1e-5)
    assert ((outputs[:, 0] > 0.5) == labels).mean() > 0.6
    good, bad = model.predict(["a wonderful, moving film", "a boring waste of time, the worst"])
    assert good > bad


def member(name: str, content: bytes = b"fine", kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content) if kind == tarfile.REGTYPE else 0
    info.linkname = "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("members", "line"),
    [
        ([member("../aclImdb/x.txt")], "points outside"),
        ([member("/aclImdb/x.txt")], "points outside"),
        ([member("aclImdb/train/pos/0_9.txt", kind=tarfile.SYMTYPE)], "is a link or a device"),
        ([member("aclImdb/train/pos/0_9.txt", kind=tarfile.LNKTYPE)], "is a link or a device"),
        ([member("aclImdb/null", kind=tarfile.CHRTYPE)], "is a link or a device"),
        ([member("aclImdb/train/pos/0_9.txt")] * 2, "occurs twice"),
        ([member("aclImdb/train/pos/0_9.txt")], "1 reviews with the digest"),
    ],
    ids=["parent", "root", "symlink", "hardlink", "device", "twice", "digest"],
)
def test_an_unexpected_archive_member_is_refused(
    tmp_path: Path, members: list[tarfile.TarInfo], line: str
) -> None:
    with tarfile.open(tmp_path / "aclImdb.tar.gz", "w:gz") as archive:
        for each in members:
            archive.addfile(each, io.BytesIO(b"fine"))
    with pytest.raises(DataError, match=line):
        imdb.read(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["aclImdb.tar.gz"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00"])
def test_a_broken_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "aclImdb.tar.gz").write_bytes(content)
    with pytest.raises(DataError, match="not a complete"):
        imdb.read(tmp_path)


def test_an_archive_larger_than_expected_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imdb, "MAX_BYTES", 3)
    with tarfile.open(tmp_path / "aclImdb.tar.gz", "w:gz") as archive:
        archive.addfile(member("aclImdb/train/pos/0_9.txt"), io.BytesIO(b"fine"))
    with pytest.raises(DataError, match="more than 3 bytes"):
        imdb.read(tmp_path)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME], ids=["pax", "gnu"])
def test_the_size_of_an_archive_members_name_takes_no_memory(tmp_path: Path, kind: bytes) -> None:
    """tarfile itself would read 2 TiB, or the 64 MiB that are there, into memory."""
    header = tarfile.TarInfo("long")
    header.type, header.size = kind, 2**41
    with gzip.open(tmp_path / "aclImdb.tar.gz", "wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        for _ in range(64):
            file.write(bytes(2**20))
    with pytest.raises(DataError, match=r"not a complete .*unpacks to more than"):
        imdb.read(tmp_path)


def test_a_folder_of_texts_by_class(workspace: Path, tmp_path: Path) -> None:
    for label, word in (("ham", "hello"), ("spam", "prize")):
        (tmp_path / "mail" / label).mkdir(parents=True)
        for number in range(10):
            (tmp_path / "mail" / label / f"{number}.txt").write_text(f"{word}\n日本 {number}")
    (tmp_path / "mail" / "spam" / "0.txt").write_bytes("prize\n日本 0".encode("utf-16"))
    spec = normalized(workspace, tmp_path / "mail", name="texts")
    assert (spec.inputs["x"].kind, spec.targets["y"].classes) == ("text", ["ham", "spam"])
    train = load_examples(workspace, "train")
    words = spec.inputs["x"].words
    assert {words[row[-3]] for row, y in zip(train.x, train.y, strict=True) if y} == {"prize"}  # type: ignore[call-overload, arg-type]
    (tmp_path / "mail" / "ham" / "0.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match=r"mail/ham/0\.txt: byte 3 isn't UTF-8: save it as UTF-8"):
        normalized(workspace, tmp_path / "mail", name="texts")


def test_characters_for_scripts_without_blanks(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kana = [chr(0x3042 + number) for number in range(40)]
    rows = [f"{kana[n % 40]}{kana[n * 7 % 40]}{kana[n * 3 % 39]},{n % 2}" for n in range(120)]
    (tmp_path / "mine.csv").write_text("note,y\n" + "\n".join(rows) + "\n")
    normalized(workspace, tmp_path / "mine.csv", columns={"note": "text"})
    assert "words of the validation split are unknown" in capsys.readouterr().err
    change_params(workspace, {"normalize.tokens": "characters", "normalize.sequence_length": 5})
    spec = normalized(workspace, tmp_path / "mine.csv", columns={"note": "text"})
    assert (spec.inputs["note"].tokens, len(spec.inputs["note"].words)) == ("characters", 42)
    assert "unknown" not in capsys.readouterr().err

"""Any folder of pictures gives arrays, or one line that names a file."""

import io
import shutil
import zlib
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from lockstep.data.readers.images import FORMATS, load_image, look
from lockstep.data.readers.pixels import PictureFormat
from tasks.datasets import folder as dataset
from tests.support.fuzzing import SETTINGS, ended
from tests.support.workspaces import with_values

PARAMS = with_values({"data.name": "folder"})


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((9, 7), 50).save(stream, kind)
    return stream.getvalue()


WHOLE = {kind: encoded(kind) for kind in FORMATS}
PICTURE = st.one_of(
    st.binary(max_size=100),
    st.builds(
        lambda kind, keep, flips: damaged(WHOLE[kind], keep, flips),
        st.sampled_from(FORMATS),
        st.floats(0.1, 1),
        st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), max_size=6),
    ),
)
# A PNG of 15,000 x 15,000 pixels by its header, in 33 bytes.
HEADER = b"IHDR" + (15_000).to_bytes(4) * 2 + b"\x08\x06\0\0\0"
LARGE = b"\x89PNG\r\n\x1a\n\0\0\0\r" + HEADER + zlib.crc32(HEADER).to_bytes(4)
LINKS = ["/etc/passwd", "..", "cat", "nowhere", "cat/a.png", "/"]
NAMES = st.sampled_from(["a.png", "b.JPG", "c.gif", "d", ".e.png", "f g.tif", "ü.webp", "g.txt"])


def damaged(content: bytes, keep: float, flips: list[tuple[int, int]]) -> bytes:
    changed = bytearray(content)
    for place, bits in flips:
        changed[place % len(changed)] ^= bits
    return bytes(changed[: int(len(changed) * keep)])


@SETTINGS
@given(content=PICTURE)
@example(content=LARGE + WHOLE["PNG"][33:])
def test_any_picture(folder: Path, content: bytes) -> None:
    path = folder / "x.png"
    path.write_bytes(content)
    ended(lambda: look(path, (255,)))
    for mode in ("L", "RGB"):
        ended(lambda mode=mode: load_image(path, PictureFormat(mode), (4, 4)))


@SETTINGS
@given(
    files=st.dictionaries(
        st.tuples(st.sampled_from(["cat", "dog", "train/cat", "test/cat", "..x", ""]), NAMES),
        PICTURE,
        max_size=5,
    ),
    links=st.lists(st.sampled_from(LINKS), max_size=2),
)
@example(files={("cat/..x", "a.png"): b""}, links=["..", ".."])  # hung
def test_any_folder(folder: Path, files: dict[tuple[str, str], bytes], links: list[str]) -> None:
    shutil.rmtree(folder)
    mine, scratch = folder / "mine", folder / "scratch"
    mine.mkdir(parents=True)
    scratch.mkdir()
    for (inside, name), content in files.items():
        (mine / inside).mkdir(parents=True, exist_ok=True)
        (mine / inside / name).write_bytes(content)
    inside = [each for each in mine.iterdir() if each.is_dir()]
    for number, target in enumerate(links):
        for place in (mine, *inside):
            (place / f"link{number}").symlink_to(target)
    ended(lambda: dataset.check(mine, PARAMS.data))
    ended(lambda: dataset.count_examples(mine, PARAMS.data))
    ended(lambda: dataset.read(mine, PARAMS, scratch))

"""Pictures of every pixel format keep their levels, and faults are one line with the file."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lockstep.data.readers.images import load_image, look
from lockstep.data.readers.pixels import PictureFormat
from lockstep.errors import DataError

RANDOM = np.random.default_rng(0)
WHITE = (255,)
SIZE = (5, 7)
DEEP = RANDOM.integers(256, 65536, (*SIZE, 4), np.uint16)


def read(path: Path, background: tuple[int, ...] = WHITE, size: Any = None) -> np.ndarray:
    """Read a picture as a set of pictures like it would be read."""
    found = look(path, background)
    return load_image(path, PictureFormat(found.mode, found.depth, background), size)


def write_png(path: Path, colour_type: int, levels: np.ndarray, extra: bytes = b"") -> Path:
    """Write a PNG of 16 bits, which Pillow can't for colours."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    height, width = levels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
        + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )  # fmt: skip
    return path


def write_tiff(
    path: Path, levels: np.ndarray, *, planar: int = 1, alpha: int | None = None
) -> Path:
    """Write a TIFF of 16-bit colours."""
    height, width, channels = levels.shape
    content = levels.astype("<u2").tobytes()
    tags = {
        256: [width], 257: [height], 258: [16] * channels, 259: [1], 262: [2], 273: [8],
        277: [channels], 278: [height], 279: [len(content)], 284: [planar],
    } | ({} if alpha is None else {338: [alpha]})  # fmt: skip
    at, bits = 8 + len(content), struct.pack(f"<{channels}H", *tags[258])
    entries = b""
    for tag, values in sorted(tags.items()):
        value = at if len(values) > 1 else values[0]
        entries += struct.pack("<HHII", tag, 3 if tag == 258 else 4, len(values), value)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    start = b"II" + struct.pack("<HI", 42, at + len(bits))
    path.write_bytes(start + content + bits + directory)
    return path


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_of_16_bits_keeps_its_levels(tmp_path: Path, suffix: str) -> None:
    levels = DEEP[..., 0]
    found = read(saved(tmp_path / f"a.{suffix}", Image.fromarray(levels)))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, levels)


def test_12_bits_in_16_keep_their_levels(tmp_path: Path) -> None:
    levels = DEEP[..., 0] >> 4
    found = read(saved(tmp_path / "a.png", Image.fromarray(levels)))
    np.testing.assert_array_equal(found, levels)


def test_colours_of_16_bits_keep_their_levels(tmp_path: Path) -> None:
    levels = DEEP[..., :3]
    for path in (
        write_png(tmp_path / "a.png", 2, levels),
        write_tiff(tmp_path / "a.tif", levels),
        write_tiff(tmp_path / "x.tif", DEEP, alpha=0),
    ):
        found = read(path)
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, levels)


def over_16(colours: np.ndarray, alpha: np.ndarray, background: int) -> np.ndarray:
    exact = colours * (alpha / 65535.0) + background * 257 * (1 - alpha / 65535.0)
    return np.rint(exact).astype(np.uint16)


def test_alpha_of_16_bits_is_composited_at_16_bits(tmp_path: Path) -> None:
    expected = over_16(DEEP[..., :3], DEEP[..., 3:], 10)
    for path in (
        write_png(tmp_path / "a.png", 6, DEEP),
        write_tiff(tmp_path / "a.tif", DEEP, alpha=2),
    ):
        np.testing.assert_allclose(read(path, (10,)).astype(int), expected.astype(int), atol=1)
    grey = write_png(tmp_path / "grey.png", 4, DEEP[..., [0, 3]])
    found = read(grey, (10,))
    assert found.shape == SIZE
    np.testing.assert_allclose(found.astype(int), expected[..., 0].astype(int), atol=1)


def test_premultiplied_alpha_of_16_bits_is_not_multiplied_again(tmp_path: Path) -> None:
    colours = (DEEP[..., :3] * (DEEP[..., 3:] / 65535.0)).astype(np.uint16)
    levels = np.concatenate([colours, DEEP[..., 3:]], axis=-1)
    expected = over_16(DEEP[..., :3], DEEP[..., 3:], 255)
    found = read(write_tiff(tmp_path / "a.tif", levels, alpha=1))
    np.testing.assert_allclose(found.astype(int), expected.astype(int), atol=2)


def test_a_transparent_colour_of_16_bits_shows_the_background(tmp_path: Path) -> None:
    levels = DEEP[..., :1].copy()
    levels[0, 0] = 300
    chunk = b"tRNS" + struct.pack(">H", 300)
    extra = struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk))
    found = read(write_png(tmp_path / "a.png", 0, levels, extra), (1,))
    assert (found[0, 0], found[1, 1]) == (257, levels[1, 1, 0])


def test_float_levels_are_kept(tmp_path: Path) -> None:
    levels = RANDOM.normal(size=SIZE).astype(np.float32)
    found = read(saved(tmp_path / "a.tif", Image.fromarray(levels)))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, levels)


def test_a_level_that_is_not_finite_is_named(tmp_path: Path) -> None:
    levels = np.ones(SIZE, np.float32)
    levels[2, 3] = np.nan
    path = saved(tmp_path / "a.tif", Image.fromarray(levels))
    with pytest.raises(DataError, match=rf"{path}: the level nan at row 2, column 3"):
        read(path)


def test_signed_levels_are_kept(tmp_path: Path) -> None:
    levels = RANDOM.integers(-1000, 3000, SIZE).astype(np.int32)
    found = read(saved(tmp_path / "a.tif", Image.fromarray(levels)))
    np.testing.assert_array_equal(found, levels)


@pytest.mark.parametrize(("sample_format", "level"), [(1, 2**32 - 5), (2, -(2**30)), (2, 2**25)])
def test_levels_that_float32_can_not_hold_are_refused(
    tmp_path: Path, sample_format: int, level: int
) -> None:
    levels = np.full(SIZE, level, np.int64).astype(np.int32)
    path = saved(tmp_path / "a.tif", Image.fromarray(levels))
    content = bytearray(path.read_bytes())
    at = content.index(struct.pack("<HHI", 339, 3, 1)) + 8
    content[at : at + 2] = struct.pack("<H", sample_format)
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{path}: levels above 2\*\*24"):
        read(path)


def test_16_bits_in_planes_are_refused_not_halved(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", DEEP[..., :3], planar=2)
    with pytest.raises(DataError, match=rf"{path}: RGB of 16 bits in a layout .* save it as a PNG"):
        read(path)


def test_deep_levels_are_resized_at_their_depth(tmp_path: Path) -> None:
    levels = np.full((8, 8), 40_000, np.uint16)
    levels[:, 4:] = 40_100
    found = read(saved(tmp_path / "a.png", Image.fromarray(levels)), size=(4, 4))
    assert found.dtype == np.uint16
    assert (found[:, 0] == 40_000).all()
    assert (found[:, 3] == 40_100).all()


@pytest.mark.parametrize("background", [(255,), (0,), (10, 200, 30)])
def test_a_cut_out_shows_the_background(tmp_path: Path, background: tuple[int, ...]) -> None:
    pixels = np.zeros((*SIZE, 4), np.uint8)
    pixels[0, 0] = (5, 6, 7, 255)
    found = read(saved(tmp_path / "a.png", Image.fromarray(pixels)), background)
    assert found[0, 0].tolist() == [5, 6, 7]
    assert found[1, 1].tolist() == list(background if len(background) == 3 else background * 3)


def test_grey_with_alpha_stays_grey_on_a_grey_background(tmp_path: Path) -> None:
    pixels = np.zeros((*SIZE, 2), np.uint8)
    pixels[0, 0] = (40, 255)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels, "LA"))
    assert read(path).shape == SIZE
    assert read(path)[:2, 0].tolist() == [40, 255]
    assert read(path, (1, 2, 3))[:2, 0].tolist() == [[40, 40, 40], [1, 2, 3]]


def test_a_palette_with_transparency_shows_the_background(tmp_path: Path) -> None:
    image = Image.new("P", (3, 2), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.putpixel((0, 0), 0)
    found = read(saved(tmp_path / "a.png", image, transparency=0), (9,))
    assert found[0].tolist() == [[9, 9, 9], [200, 100, 50], [200, 100, 50]]


@pytest.mark.parametrize(
    ("mode", "colour", "name", "expected"),
    [
        ("1", 1, "a.png", 255),
        ("L", 70, "a.png", 70),
        ("CMYK", (0, 255, 255, 0), "a.tif", [255, 0, 0]),
        ("RGB", (1, 2, 3), "a.bmp", [1, 2, 3]),
        ("YCbCr", (128, 128, 128), "a.tif", [128, 128, 128]),
    ],
)
def test_8_bits_become_grey_or_rgb(
    tmp_path: Path, mode: str, colour: Any, name: str, expected: Any
) -> None:
    found = read(saved(tmp_path / name, Image.new(mode, (3, 2), colour)))
    assert (found.dtype, found[0, 0].tolist()) == (np.uint8, expected)


def test_colours_that_have_no_levels_here_are_refused_by_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", Image.new("LAB", (3, 2)))
    with pytest.raises(DataError, match=f"{path}: pixels of the kind LAB, expected grey, RGB"):
        read(path)


def exif(orientation: Any, **more: Any) -> bytes:
    """EXIF with an orientation and a rational whose denominator is negative."""
    entries = struct.pack("<HHII", 0x0112, 3, 1, orientation)
    entries += struct.pack("<HHII", 0x011A, 5, 1, 38)
    content = struct.pack("<H", 2) + entries + bytes(4) + struct.pack("<Ii", 1, -3)
    return b"Exif\0\0II" + struct.pack("<HI", 42, 8) + content


@pytest.mark.parametrize(
    ("content", "shape"),
    [(exif(6), (7, 5)), (exif(1), (5, 7)), (b"Exif\0\0broken", (5, 7)), (exif(99), (5, 7))],
)
def test_odd_exif_does_not_matter(tmp_path: Path, content: bytes, shape: tuple[int, int]) -> None:
    path = saved(tmp_path / "a.jpg", Image.new("L", (7, 5), 3), exif=content)
    assert read(path).shape == shape


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg"])
def test_pictures_of_each_depth_are_upright(tmp_path: Path, name: str) -> None:
    levels = np.arange(35, dtype=np.uint8 if name == "a.jpg" else np.uint16).reshape(SIZE)
    turned = Image.Exif()
    turned[0x0112] = 6
    options = {"quality": 100} if name == "a.jpg" else {}
    found = read(saved(tmp_path / name, Image.fromarray(levels), exif=turned, **options))
    np.testing.assert_allclose(found.astype(int), np.rot90(levels, -1).astype(int), atol=2)


def test_a_scan_of_196_million_pixels_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.new("1", (14_000, 14_000), 1), compress_level=1)
    assert read(path, size=(4, 4)).tolist() == [[255] * 4] * 4


def test_a_blank_page_at_600_dpi_is_read_from_few_bytes(tmp_path: Path) -> None:
    a3 = Image.new("1", (7_016, 9_921), 1)
    path = saved(tmp_path / "a.tif", a3, compression="group4")
    assert path.stat().st_size < 2**13
    assert read(path, size=(4, 4)).tolist() == [[255] * 4] * 4


def test_an_absurd_size_is_refused_by_the_header(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.new("L", (2, 2)))
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 40_000, 40_000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    path.write_bytes(content)
    with pytest.raises(
        DataError,
        match=r"40000x40000 pixels by its header, expected at most 134,217,728 in a file of",
    ):
        read(path)


WHOLE = {
    "png": ("RGBA", {}), "gif": ("P", {}), "jpg": ("RGB", {}), "bmp": ("RGB", {}),
    "webp": ("RGBA", {}), "ppm": ("RGB", {}), "tif": ("I;16", {"compression": "tiff_lzw"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of a small picture in each format."""
    folder = tmp_path_factory.mktemp("whole")
    return {
        suffix: saved(folder / f"a.{suffix}", Image.new(mode, (9, 6)), **options).read_bytes()
        for suffix, (mode, options) in WHOLE.items()
    }


@settings(derandomize=True, database=None, deadline=None)
@given(suffix=st.sampled_from([*WHOLE, "none"]), data=st.data())
def test_any_bytes_are_a_picture_or_one_line(
    whole: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, suffix: str, data: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    if suffix == "none":
        content = data.draw(st.binary(max_size=200))
    else:
        content = bytearray(whole[suffix][: data.draw(st.integers(0, len(whole[suffix])))])
        for _ in range(data.draw(st.integers(0, 4)) if content else 0):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    fault = ""
    try:
        assert read(path, size=(3, 3)).shape[:2] == (3, 3)
    except DataError as error:
        fault = str(error)
    assert not fault or (fault.startswith(str(path)) and "\n" not in fault)

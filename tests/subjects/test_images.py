"""Pictures: from folders, tables and arrays to 8-bit RGB, and what is wrong with them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiny_networks import contents, source_of

from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError, WorkbenchError
from workbench.recording.identity import digest
from workbench.subjects.vision.decoding import decode_picture
from workbench.subjects.vision.pictures import Pictures, open_pictures
from workbench.subjects.vision.preprocessing import plain_preprocessing

FACTORY = "torch:tiny_networks:convolutional"


@pytest.fixture
def image(generator: np.random.Generator) -> np.ndarray:
    """A picture with structure, (6, 8, 3)."""
    coarse = generator.integers(0, 256, (3, 4, 3), np.uint8)
    return coarse.repeat(2, 0).repeat(2, 1)


def encoded(picture: Image.Image, form: str = "PNG", **given: Any) -> bytes:
    """Bytes of a file."""
    buffer = io.BytesIO()
    picture.save(buffer, form, **given)
    return buffer.getvalue()


def opened(images: Any, **options: Any) -> Pictures:
    """As a capture opens them."""
    return open_pictures(CaptureRequest("hf-vision:x", images=images, options=options))


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats(image: np.ndarray, form: str) -> None:
    given = {"lossless": True} if form == "WEBP" else {}
    content = encoded(Image.fromarray(image), form, **given)
    np.testing.assert_array_equal(decode_picture(content, "x"), image)


def test_a_jpeg_is_close(image: np.ndarray) -> None:
    smooth = np.asarray(Image.fromarray(image).resize((64, 64)))
    found = decode_picture(encoded(Image.fromarray(smooth), "JPEG", quality=98), "x")
    assert np.abs(found.astype(int) - smooth).mean() < 3


def test_grey_pictures_have_three_equal_channels(image: np.ndarray) -> None:
    grey = image[..., 0]
    found = decode_picture(encoded(Image.fromarray(grey)), "x")
    np.testing.assert_array_equal(found, np.repeat(grey[..., None], 3, 2))


def test_sixteen_bits_are_scaled_not_cut(image: np.ndarray) -> None:
    deep = image[..., 0].astype(np.uint16) * 257
    found = decode_picture(encoded(Image.fromarray(deep)), "x")
    np.testing.assert_array_equal(found[..., 0], image[..., 0])


def test_one_bit(image: np.ndarray) -> None:
    bits = image[..., 0] > 128
    found = decode_picture(encoded(Image.fromarray(bits)), "x")
    np.testing.assert_array_equal(found[..., 1], bits * np.uint8(255))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_white(image: np.ndarray, mode: str) -> None:
    picture = Image.fromarray(image).convert(mode)
    alpha = np.full(image.shape[:2], 255, np.uint8)
    alpha[:2], alpha[2:4] = 0, 128
    picture.putalpha(Image.fromarray(alpha))
    found = decode_picture(encoded(picture), "x").astype(int)
    opaque = np.asarray(picture.convert("RGBA"))[..., :3].astype(int)
    assert (found[:2] == 255).all()
    assert np.abs(found[2:4] - (opaque[2:4] + 255) / 2).max() < 2
    np.testing.assert_array_equal(found[4:], opaque[4:])


def test_palettes_and_their_transparency(image: np.ndarray) -> None:
    coarse = (image // 128) * 255
    palette = Image.fromarray(coarse.astype(np.uint8)).quantize(8)
    found = decode_picture(encoded(palette), "x")
    np.testing.assert_array_equal(found, np.asarray(palette.convert("RGB")))
    index = int(np.asarray(palette)[0, 0])
    clear = decode_picture(encoded(palette, transparency=index), "x")
    assert (clear[np.asarray(palette) == index] == 255).all()


def test_the_first_frame_of_a_gif(image: np.ndarray) -> None:
    frames = [Image.fromarray(each) for each in (image // 255 * 255, 255 - image // 255 * 255)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode_picture(content, "x"), image // 255 * 255)


def test_cmyk_becomes_colour() -> None:
    red = Image.new("RGB", (16, 16), (230, 20, 30))
    found = decode_picture(encoded(red.convert("CMYK"), "JPEG", quality=95), "x")
    assert np.abs(found.astype(int) - [230, 20, 30]).max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_as_their_camera_was_held(image: np.ndarray, orientation: int) -> None:
    undo: dict[int, Any] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: np.swapaxes(a, 0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: np.rot90,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode_picture(encoded(Image.fromarray(image), "PNG", exif=exif), "x")
    np.testing.assert_array_equal(found, undo[orientation](image))


def test_values_without_a_range_are_refused() -> None:
    content = encoded(Image.fromarray(np.ones((3, 3), np.float32)), "TIFF")
    with pytest.raises(WorkbenchError, match=r"floating-point values.*convert it"):
        decode_picture(content, "x")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "GIF"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9])
def test_truncated_pictures_are_named(form: str, kept: float, generator: Any) -> None:
    noise = Image.fromarray(generator.integers(0, 256, (40, 40, 3), np.uint8))
    content = encoded(noise, form)
    with pytest.raises(WorkbenchError, match=r"Could not decode the picture 'cat.x'"):
        decode_picture(content[: int(len(content) * kept)], "cat.x")


@pytest.fixture
def folder(image: np.ndarray, tmp_path: Path) -> Path:
    """Pictures in sub-folders, with other files between them."""
    root = tmp_path / "pictures"
    for number, name in enumerate(("dog/b.png", "cat/10.PNG", "cat/2.png", "dog/deep/a.png")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(Image.fromarray(np.roll(image, number, 1))))
    (root / "cat" / "notes.txt").write_text("not a picture")
    (root / "cat" / ".hidden.png").write_text("not a picture either")
    return root


def test_a_folder_is_read_in_the_order_of_its_names(folder: Path, image: np.ndarray) -> None:
    pictures = opened(folder)
    table = pictures.labels.join(pictures.scan(4).about)
    assert table["path"].tolist() == ["cat/10.PNG", "cat/2.png", "dog/b.png", "dog/deep/a.png"]
    assert table["label"].tolist() == ["cat", "cat", "dog", "dog"]
    assert table["id"].tolist() == ["cat/10", "cat/2", "dog/b", "dog/deep/a"]
    assert set(table["height"]) == {6}
    assert set(table["width"]) == {8}
    content = (folder / "dog" / "b.png").read_bytes()
    assert table["sha256"][2] == hashlib.sha256(content).hexdigest()
    np.testing.assert_array_equal(pictures.read(2), image)


def test_pictures_become_rows_with_their_labels(folder: Path) -> None:
    source = source_of(FACTORY, images=folder, sites="linear", batch=2)
    rows, found = contents(source)
    assert rows.columns.tolist() == ["stimulus", "id", "label"]
    assert found["linear"].shape == (4, 5)
    table = source.stimulus_table()
    assert table.columns.tolist() == ["id", "label", "path", "sha256", "height", "width"]


@pytest.mark.parametrize("style", ["bytes", "struct"])
def test_a_parquet_table(style: str, image: np.ndarray, tmp_path: Path) -> None:
    contents_ = [encoded(Image.fromarray(np.roll(image, k, 0))) for k in range(7)]
    cells = contents_ if style == "bytes" else [{"bytes": c, "path": "a.png"} for c in contents_]
    frame = pd.DataFrame({"image": cells, "label": list("abcabca"), "size": range(7)})
    frame.to_parquet(tmp_path / "x.parquet", row_group_size=3)
    pictures = opened(tmp_path / "x.parquet")
    assert pictures.labels.columns.tolist() == ["id", "label", "size"]
    for number in (6, 0, 3):
        np.testing.assert_array_equal(pictures.read(number), np.roll(image, number, 0))
    assert pictures.path(3) == ("image[3]" if style == "bytes" else "a.png")


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("channels", [0, 1, 3])
def test_arrays(dtype: str, channels: int, tmp_path: Path, generator: Any) -> None:
    shape = (4, 5, 6, channels)[: 4 if channels else 3]
    whole = generator.integers(0, 256, shape, np.uint8)
    given = whole if dtype == "uint8" else (whole / 255).astype(dtype)
    wanted = np.broadcast_to(whole.reshape(4, 5, 6, -1), (4, 5, 6, 3))
    np.savez(tmp_path / "x.npz", images=given, kind=list("abcd"))
    for pictures in (opened(given), opened(tmp_path / "x.npz")):
        np.testing.assert_array_equal(np.stack([pictures.read(k) for k in range(4)]), wanted)
    assert pictures.labels["kind"].tolist() == list("abcd")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (None, "Found no images.*--images"),
        (np.zeros((2, 3, 8, 8), np.uint8), r"shape \(2, 3, 8, 8\).*channels last"),
        (np.zeros((2, 8, 8, 3), np.int64), "Found int64 images"),
        (np.full((2, 8, 8, 3), 7.0), "values from 7 to 7 in image 0"),
        ("nowhere", "Found no 'nowhere'"),
        ("nowhere.parquet", "Found no file 'nowhere.parquet'"),
    ],
)
def test_wrong_images(images: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        opened(images).scan(2)


def test_wrong_folders_and_tables(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"Found no pictures in"):
        opened(_empty(tmp_path))
    with pytest.raises(UsageError, match=r"Found one picture"):
        opened(folder / "dog" / "b.png")
    pd.DataFrame({"picture": [b"1"], "label": [1]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(UsageError, match=r"no column 'image'.*image_column"):
        opened(tmp_path / "x.parquet")
    with pytest.raises(UsageError, match=r"Found int in row 0 of column 'label'"):
        opened(tmp_path / "x.parquet", image_column="label").read(0)
    with pytest.raises(WorkbenchError, match=r"picture 'picture\[0\]'"):
        opened(tmp_path / "x.parquet", image_column="picture").read(0)
    (tmp_path / "y.parquet").write_bytes((tmp_path / "x.parquet").read_bytes()[:-9])
    with pytest.raises(WorkbenchError, match=r"undamaged Parquet"):
        opened(tmp_path / "y.parquet")


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def test_a_damaged_picture_is_found_before_anything_is_recorded(folder: Path) -> None:
    (folder / "dog" / "z.jpg").write_text("I am a dog")
    source = source_of(FACTORY, images=folder)
    for look in (lambda: source.ingredients, source.stimulus_table):
        with pytest.raises(WorkbenchError, match=r"'dog/z.jpg'.*no known picture format"):
            look()


def test_pictures_of_different_sizes_need_a_size(folder: Path, image: np.ndarray) -> None:
    (folder / "cat" / "0.png").write_bytes(encoded(Image.fromarray(image[:4])))
    with pytest.raises(UsageError, match=r"different shapes.*option size"):
        source_of(FACTORY, images=folder)
    source = source_of(FACTORY, images=folder, size="6,5", sites="conv")
    assert source.sites[0].shape == (4, 6, 5)


def test_scaling_and_normalising(image: np.ndarray) -> None:
    options = {"mean": "0.1,0.2,0.3", "std": 0.5, "scale": 1 / 127.5}
    request = CaptureRequest("hf-vision:x", options=options)
    (found,) = plain_preprocessing(request)([image])
    wanted = (image / 127.5 - [0.1, 0.2, 0.3]) / 0.5
    np.testing.assert_allclose(found, wanted.transpose(2, 0, 1), atol=1e-6)


def identity(images: Any, **options: Any) -> str:
    """What stands for all that changes the numbers."""
    return digest(source_of(FACTORY, images=images, **options).ingredients)


def test_identity_of_pictures(folder: Path, image: np.ndarray, tmp_path: Path) -> None:
    first = identity(folder)
    assert identity(folder, batch=1) == first
    moved = tmp_path / "elsewhere"
    folder.rename(moved)
    assert identity(moved) == first
    path = moved / "dog" / "b.png"
    path.write_bytes(encoded(Image.fromarray(image), compress_level=1))
    assert identity(moved) == first
    for option in ({"size": "6,8", "mean": 0.5}, {"size": 5}, {"std": 2}, {"scale": 1}):
        assert identity(moved, **option) != first
    path.write_bytes(encoded(Image.fromarray(255 - image)))
    assert identity(moved) != first

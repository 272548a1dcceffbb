"""Every kind of image source, and what is said about damaged ones."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from disco_dock.runtime.errors import InputError
from disco_image.data.decode import centre_crop
from disco_image.data.open_source import open_source


def picture(size=(12, 8), colour=(200, 30, 60)):
    return Image.new("RGB", size, colour)


def encoded(image, kind="PNG"):
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def make_zip(path, images, labels):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in images.items():
            archive.writestr(name, data)
        if labels is not None:
            archive.writestr("dataset.json", labels if isinstance(labels, str) else json.dumps({"labels": labels}))


def test_digits_are_the_default_and_repeat_pixels():
    source, large = open_source("digits"), open_source("digits", 16)
    assert source.info.count == 1797 and source.info.resolution == 8 and len(source.info.classes) == 10
    assert np.array_equal(large.image(5)[:, ::2, 1::2], source.image(5)) and source.image(5).max() > 200
    with pytest.raises(InputError, match="multiple of 8"):
        open_source("digits", 12)


def test_class_folder_is_cropped_and_resized(tmp_path):
    for name, colour in (("b", (0, 0, 255)), ("a", (255, 0, 0))):
        (tmp_path / name).mkdir()
        for number in range(2):
            picture((40, 24), colour).save(tmp_path / name / f"{number}.png")
    source = open_source(str(tmp_path), 8)
    assert source.info.classes == ("a", "b") and source.info.count == 4
    assert source.image(0).shape == (3, 8, 8) and source.image(0)[0].min() == 255
    assert [source.label(i) for i in range(4)] == [0, 0, 1, 1]


def test_photographs_of_many_sizes_become_one_size(tmp_path):
    sizes = [(500, 375), (375, 500), (640, 480), (200, 1200), (64, 64), (80, 50)]
    for number, size in enumerate(sizes):
        folder = tmp_path / f"n{number % 3:08d}"
        folder.mkdir(exist_ok=True)
        image = Image.new("RGB", size, (0, 0, 0))
        short = min(size)
        left, top = (size[0] - short) // 2, (size[1] - short) // 2
        image.paste((250, 120, 10), (left, top, left + short, top + short))
        image.save(folder / f"{number}.JPEG", quality=95)
    Image.new("L", (300, 300), 99).save(tmp_path / "n00000000" / "grey.JPEG")
    Image.new("CMYK", (300, 200)).save(tmp_path / "n00000001" / "print.JPEG")
    for resolution in (64, 128):
        source = open_source(str(tmp_path), resolution)
        assert source.info.classes == ("n00000000", "n00000001", "n00000002") and source.info.count == 8
        for index in range(source.info.count):
            assert source.image(index).shape == (3, resolution, resolution)
        inner = source.image(0)[:, 4:-4, 4:-4]
        assert abs(int(inner[0].min()) - 250) < 8, "the centre square is what is kept"


def test_flat_folder_has_no_classes(tmp_path):
    for number in range(3):
        picture((8, 8)).save(tmp_path / f"{number}.png")
    source = open_source(str(tmp_path))
    assert source.info.classes == () and source.label(0) == -1


def test_crop_takes_the_centre():
    array = np.zeros((8, 16, 3), dtype=np.uint8)
    array[:, 4:12] = 255
    assert np.asarray(centre_crop(Image.fromarray(array), 0)).min() == 255
    assert np.asarray(centre_crop(Image.fromarray(array), 4)).mean() > 250


def test_zip_in_edms_layout(tmp_path):
    names = ["cat/0.png", "cat/1.png", "dog/0.png"]
    make_zip(tmp_path / "set.zip", {n: encoded(picture((8, 8))) for n in names}, [[n, int("dog" in n)] for n in names])
    source = open_source(str(tmp_path / "set.zip"))
    assert source.info.classes == ("cat", "dog") and [source.label(i) for i in range(3)] == [0, 0, 1]
    make_zip(tmp_path / "bare.zip", {n: encoded(picture((8, 8))) for n in names}, '{"labels": null}')
    assert open_source(str(tmp_path / "bare.zip")).info.classes == ()


def cifar_tarball(path, batches):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in batches.items():
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def cifar_batch(count=3, protocol=2):
    pixels = np.arange(count * 3072, dtype=np.int64).reshape(count, 3072).astype(np.uint8)
    return pickle.dumps({b"data": pixels, b"labels": list(range(count))}, protocol=protocol)


@pytest.mark.parametrize("protocol", [2, 4])
def test_cifar_tarball_is_read_in_order(tmp_path, protocol):
    path = tmp_path / "cifar-10-python.tar.gz"
    batches = {"data_batch_2": cifar_batch(2, protocol), "data_batch_1": cifar_batch(3, protocol)}
    cifar_tarball(path, {**batches, "test_batch": b"x"})
    source = open_source(str(path))
    assert source.info.count == 5 and source.image(1).shape == (3, 32, 32) and source.label(4) == 1
    assert source.image(0)[0, 0, 1] == 1 and source.info.classes[3] == "cat"
    assert open_source(str(path), 16).image(0).shape == (3, 16, 16)


class Evil:
    def __reduce__(self):
        import os

        return os.system, ("true",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(Evil(), 2), "not an array"),
        (cifar_batch()[:-200], "data_batch_1"),
        (pickle.dumps({b"labels": [1]}, 2), "data_batch_1"),
        (pickle.dumps({b"data": np.zeros((2, 9), np.uint8), b"labels": [1, 2]}, 2), "shape"),
        (pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 20]}, 2), "0-9"),
    ],
)
def test_damaged_or_hostile_cifar_batches_are_told(tmp_path, content, message):
    cifar_tarball(tmp_path / "c.tar.gz", {"data_batch_1": content})
    with pytest.raises(InputError, match=message):
        open_source(str(tmp_path / "c.tar.gz"))


def test_cut_tarball_and_zip_are_told(tmp_path):
    cifar_tarball(tmp_path / "c.tar.gz", {"data_batch_1": cifar_batch()})
    data = (tmp_path / "c.tar.gz").read_bytes()
    (tmp_path / "c.tar.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"c\.tar\.gz"):
        open_source(str(tmp_path / "c.tar.gz"))
    make_zip(tmp_path / "z.zip", {"a.png": encoded(picture())}, None)
    data = (tmp_path / "z.zip").read_bytes()
    (tmp_path / "z.zip").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"z\.zip"):
        open_source(str(tmp_path / "z.zip"))


def test_damaged_member_is_named(tmp_path):
    path = tmp_path / "z.zip"
    names = ["a.png", "b.png"]
    make_zip(path, {"a.png": encoded(picture((8, 8))), "b.png": encoded(picture((8, 8)))[:40]}, [[n, 0] for n in names])
    source = open_source(str(path))
    source.image(0)
    with pytest.raises(InputError, match=r"b\.png"):
        source.image(1)
    raw = bytearray(path.read_bytes())
    place = raw.find(b"IDAT") + 6
    raw[place] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"a\.png"):
        open_source(str(path))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("{", "labels"),
        ('{"labels": [["a.png"]]}', "labels"),
        ([["a.png", 0]], "b.png"),
        ([["a.png", 0], ["b.png", "x"]], "b.png"),
    ],
)
def test_labels_that_do_not_fit_are_told(tmp_path, labels, message):
    images = {"a.png": encoded(picture((8, 8))), "b.png": encoded(picture((8, 8)))}
    make_zip(tmp_path / "z.zip", images, labels)
    with pytest.raises(InputError, match=message):
        open_source(str(tmp_path / "z.zip"))


def test_damaged_and_odd_files_of_a_folder_are_named(tmp_path):
    picture((8, 8)).save(tmp_path / "a.png")
    picture((9, 9)).save(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"no image")
    source = open_source(str(tmp_path))
    with pytest.raises(InputError, match=r"b\.png.*set data\.resolution"):
        source.image(1)
    with pytest.raises(InputError, match=r"c\.png"):
        source.image(2)
    (tmp_path / "sub").mkdir()
    picture().save(tmp_path / "sub" / "d.png")
    with pytest.raises(InputError, match=r"a\.png.*beside class folders"):
        open_source(str(tmp_path))


def test_missing_empty_and_unknown_sources_are_told(tmp_path):
    with pytest.raises(InputError, match="no such"):
        open_source(str(tmp_path / "nothing.zip"))
    with pytest.raises(InputError, match="no images"):
        open_source(str(tmp_path))
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="not a folder"):
        open_source(str(tmp_path / "a.txt"))


@pytest.mark.data
def test_real_cifar_zip_is_read():
    places = [base / "shared/data/cifar10/cifar10-test.zip" for base in Path(__file__).parents]
    path = next((place for place in places if place.exists()), None)
    if path is None:
        pytest.skip("the CIFAR-10 zip is not at hand")
    source = open_source(str(path))
    assert (
        source.info.count == 10_000 and source.info.classes[0] == "airplane" and source.image(17).shape == (3, 32, 32)
    )


def make_idx(folder, images, labels, name="train"):
    import gzip
    import struct

    for what, values in (("images-idx3", images), ("labels-idx1", labels)):
        head = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
        (folder / f"{name}-{what}-ubyte.gz").write_bytes(gzip.compress(head + values.tobytes()))
    return folder / f"{name}-images-idx3-ubyte.gz"


def test_idx_files_are_padded_and_averaged(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    path = make_idx(tmp_path, images, np.array([2, 0, 1], dtype=np.uint8))
    whole, half = open_source(str(path)), open_source(str(path), 16)
    assert np.array_equal(whole.image(1)[0], images[1]) and [whole.label(i) for i in range(3)] == [2, 0, 1]
    padded = np.pad(images[1].astype(float), 2)
    expected = (padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2]) / 4
    assert half.info.resolution == 16 and len(half.info.classes) == 3
    assert np.abs(half.image(1)[0] - expected).max() <= 0.5
    assert open_source(str(path), 20).image(0).shape == (1, 20, 20)


def test_damaged_idx_files_are_told(tmp_path):
    path = make_idx(tmp_path, np.zeros((3, 28, 28), np.uint8), np.zeros(2, np.uint8))
    with pytest.raises(InputError, match="2 labels for 3 images"):
        open_source(str(path))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="cannot be read as an IDX file"):
        open_source(str(path))
    plain = tmp_path / "t-images-idx3-ubyte"
    plain.write_bytes(b"\0\0\x08\x03" + b"\0" * 20)
    with pytest.raises(InputError, match="bytes where"):
        open_source(str(plain))


def test_what_macos_puts_beside_images_is_no_image(tmp_path):
    images = {"a.png": encoded(picture((8, 8))), "b.png": encoded(picture((8, 8)))}
    make_zip(tmp_path / "z.zip", {**images, "__MACOSX/._a.png": b"x", "._b.png": b"x"}, [["a.png", 0], ["b.png", 1]])
    source = open_source(str(tmp_path / "z.zip"))
    assert source.info.count == 2 and source.label(1) == 1
    folder = tmp_path / "images"
    (folder / "__MACOSX").mkdir(parents=True)
    for name in ("a.png", "b.png", "._a.png", "__MACOSX/c.png"):
        (folder / name).write_bytes(images["a.png"])
    assert open_source(str(folder)).info.count == 2


def test_errors_name_the_file_and_no_object(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no image")
    make_zip(tmp_path / "z.zip", {"a.png": b"no image", "b.png": b"x"}, None)
    for source in (tmp_path, tmp_path / "z.zip"):
        with pytest.raises(InputError, match=r"a\.png: not a readable image \(of no known kind\)") as caught:
            open_source(str(source))
        assert "BytesIO" not in str(caught.value)
    with pytest.raises(InputError, match="give --data"):
        open_source("")


def test_two_ways_to_crop(tmp_path):
    stream = np.random.default_rng(0)
    array = stream.integers(0, 256, (40, 64, 3), dtype=np.uint8)
    image = Image.fromarray(array)
    edm = image.crop((12, 0, 52, 40)).resize((8, 8), Image.Resampling.LANCZOS)
    assert np.array_equal(np.asarray(centre_crop(image, 8)), np.asarray(edm))
    halved = image.resize((32, 20), Image.Resampling.BOX).resize((16, 10), Image.Resampling.BOX)
    adm = halved.resize((13, 8), Image.Resampling.BICUBIC).crop((2, 0, 10, 8))
    assert np.array_equal(np.asarray(centre_crop(image, 8, "dhariwal")), np.asarray(adm))

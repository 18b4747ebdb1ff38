"""Images are read as they are, or refused with the file's name."""

import io
import zipfile

import numpy as np
import pytest

from msjax.homogenization.microstructures import from_image

IMAGE = np.random.default_rng(0).integers(0, 3, (5, 4, 6)).astype(np.uint8)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i4", "<i8"])
def test_npy_and_npz_come_back(tmp_path, dtype, order):
    array = np.array(IMAGE, dtype=dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "a.npz", array)
    for name in ("a.npy", "a.npz"):
        image = from_image(tmp_path / name)
        assert np.array_equal(image.phases, IMAGE)
        assert image.fraction == tuple(np.bincount(IMAGE.ravel()) / IMAGE.size)


def test_grey_values_become_phases():
    grey = np.array([10, 200, 0], dtype=np.uint8)[IMAGE]
    assert np.array_equal(from_image(grey, phases=(10, 200, 0)).phases, IMAGE)
    assert np.array_equal(from_image(IMAGE * 0.5 + 0.1, thresholds=[0.6, 1.1]).phases, IMAGE)
    assert from_image(IMAGE > 0).fraction[0] == np.mean(IMAGE == 0)
    # a phase may be absent from the image and still be counted
    assert from_image(np.zeros((2, 2), dtype=int), phases=(0, 7)).fraction == (1.0, 0.0)


def test_pictures_have_columns_along_x_rows_along_y_and_slices_along_z(tmp_path):
    Image = pytest.importorskip("PIL.Image", reason="pictures are read with Pillow")
    slices = [Image.fromarray(np.ascontiguousarray(IMAGE[:, :, k].T)) for k in range(6)]
    slices[0].save(tmp_path / "stack.tif", save_all=True, append_images=slices[1:])
    assert np.array_equal(from_image(tmp_path / "stack.tif").phases, IMAGE)
    assert np.array_equal(from_image(str(tmp_path / "stack.tif")).phases, IMAGE)
    folder = tmp_path / "slices"
    folder.mkdir()
    for k, page in enumerate(slices):
        page.save(folder / f"s{k + 7}.png")  # s10 comes after s9
    (folder / "notes.txt").write_text("not a slice")
    assert np.array_equal(from_image(folder).phases, IMAGE)
    slices[0].save(tmp_path / "one.png")
    assert np.array_equal(from_image(tmp_path / "one.png").phases, IMAGE[:, :, 0])
    Image.fromarray(IMAGE[:, :, 0].T.astype(np.uint16) * 1000).save(tmp_path / "deep.tif")
    assert np.array_equal(from_image(tmp_path / "deep.tif", phases=(0, 1000, 2000)).phases, IMAGE[:, :, 0])


def test_damaged_pictures_are_refused(tmp_path):
    Image = pytest.importorskip("PIL.Image", reason="pictures are read with Pillow")
    Image.fromarray(np.zeros((4, 4, 3), dtype=np.uint8)).save(tmp_path / "colour.png")
    Image.fromarray(np.zeros((40, 40), dtype=np.uint8)).save(tmp_path / "grey.png")
    with pytest.raises(ValueError, match=r"colour\.png: page 0 has the mode RGB"):
        from_image(tmp_path / "colour.png")
    with pytest.raises(ValueError, match=r"grey\.png: .* more than the 100 voxels"):
        from_image(tmp_path / "grey.png", largest=100)
    data = (tmp_path / "grey.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.tif").write_text("no picture")
    for name in ("cut.png", "text.tif"):
        with pytest.raises(ValueError, match=name):
            from_image(tmp_path / name)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(ValueError, match="there are no slices"):
        from_image(folder)
    for k, n in enumerate((4, 4, 5)):
        Image.fromarray(np.zeros((4, n), dtype=np.uint8)).save(folder / f"{k}.png")
    with pytest.raises(ValueError, match=r"2\.png: \(4, 5\) rows and columns"):
        from_image(folder)


def header_of(shape):
    """A .npy file that promises an array and holds none of it."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": "<f8"})
    return file.getvalue()


def test_a_file_that_promises_too_much_is_refused_before_memory_is_taken(tmp_path):
    (tmp_path / "huge.npy").write_bytes(header_of((100_000, 100_000, 100_000)))
    with pytest.raises(ValueError, match=r"huge\.npy: .* more than the 268435456 voxels"):
        from_image(tmp_path / "huge.npy")
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("a.npy", header_of((100_000, 100_000)))
    with pytest.raises(ValueError, match=r"huge\.npz: a: .* more than"):
        from_image(tmp_path / "huge.npz")
    (tmp_path / "cut.npy").write_bytes(header_of((4, 4)) + b"1234")
    with pytest.raises(ValueError, match=r"cut\.npy: truncated: 4 of 128 bytes"):
        from_image(tmp_path / "cut.npy")


def test_no_pickle_and_no_nonsense(tmp_path):
    np.save(tmp_path / "object.npy", np.array([[{}, 1]], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        from_image(tmp_path / "object.npy")
    (tmp_path / "text.npy").write_text("hello")
    (tmp_path / "text.npz").write_text("hello")
    for name in ("text.npy", "text.npz"):
        with pytest.raises(ValueError, match=f"{name}: not a"):
            from_image(tmp_path / name)
    np.savez(tmp_path / "two.npz", a=IMAGE, b=IMAGE)
    with pytest.raises(ValueError, match=r"name: .*two\.npz holds 2 arrays, say which: a, b"):
        from_image(tmp_path / "two.npz")
    assert np.array_equal(from_image(tmp_path / "two.npz", name="b").phases, IMAGE)
    with pytest.raises(ValueError, match="holds no array 'c'"):
        from_image(tmp_path / "two.npz", name="c")
    with pytest.raises(ValueError, match="there is no such file"):
        from_image(tmp_path / "absent.npy")
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(ValueError, match=r"expected \.npy"):
        from_image(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("array", "arguments", "text"),
    [
        (np.array([[0.0, np.nan]]), {"thresholds": [0.5]}, r"source: the value at \(0, 1\) is not finite"),
        (np.array([[0.0, 1.0]]), {}, "thresholds: values that are not integers"),
        (np.array([[0, 255]]), {}, "phases: the values are not 0, 1, 2"),
        (np.array([[-1, 0]]), {}, "phases: the values are not 0, 1, 2"),
        (np.array([[0, 5]]), {"phases": (0, 255)}, "phases: the value 5 occurs"),
        (np.array([[0, 5]]), {"phases": (0, 5, 5)}, "phases: expected different integers"),
        (np.array([[0, 5]]), {"phases": (0, 5), "thresholds": [1.0]}, "phases, thresholds: give at most one"),
        (np.array([[0, 5]]), {"thresholds": [2.0, 1.0]}, "thresholds: expected increasing"),
        (np.array([0, 1]), {}, "source: shape: expected 2 or 3"),
        (np.zeros((2, 2), dtype=complex), {}, "source: expected numbers"),
        (np.zeros((0, 2)), {}, r"source: shape\[0\]"),
        (np.zeros((9, 9)), {"largest": 80}, "more than the 80 voxels"),
        (np.zeros((2, 2), dtype=int), {"lengths": (1.0, -1.0)}, r"lengths\[1\]"),
    ],
)
def test_mistakes_are_named(array, arguments, text):
    with pytest.raises(ValueError, match=text):
        from_image(array, **arguments)

"""Figures of volume elements: which way is up, which plane is cut, and what is refused."""

import numpy as np
import pytest

plot = pytest.importorskip("msjax.plot", reason="figures need matplotlib: pip install 'msjax[plot]'")
pytest.importorskip("matplotlib", reason="figures need matplotlib: pip install 'msjax[plot]'")

KUBC = {4.0: [3.1, 2.9], 8.0: [2.6, 2.4]}
SUBC = {4.0: [1.1, 0.9], 8.0: [1.6, 1.4]}


def colours(figure):
    """RGBA of the pixels of the first image, first index x, second y (upwards)."""
    image = figure.axes[0].images[0]
    assert image.origin == "lower"
    return np.asarray(image.to_rgba(image.get_array())).transpose(1, 0, 2)


def test_x_runs_to_the_right_and_y_upwards():
    image = np.zeros((3, 2), int)
    image[2, 0] = 1
    shown = colours(plot.phases(image))
    other = np.any(shown != shown[0, 0], axis=-1)
    np.testing.assert_array_equal(other, image == 1)


def test_phases_have_their_colours_names_and_lengths():
    figure = plot.phases(np.array([[0, 1], [2, 1]]), names=("matrix", "fibre", "void"), lengths=(8.0, 4.0), unit="µm")
    axes = figure.axes[0]
    shown = colours(figure)
    boxes = figure.legends[0].get_patches()
    assert [box.get_label() for box in boxes] == ["matrix", "fibre", "void"]
    for box, at in zip(boxes, [(0, 0), (0, 1), (1, 0)]):
        np.testing.assert_allclose(box.get_facecolor(), shown[at])
    assert axes.images[0].get_extent() == [0.0, 8.0, 0.0, 4.0]
    assert axes.get_xlabel() == "x (µm)"


def test_a_share_is_drawn_between_the_two_phases():
    ends, middle = colours(plot.phases(np.array([[0.0, 1.0]]))), colours(plot.phases(np.array([[0.5, 0.5]])))
    np.testing.assert_allclose(middle[0, 0], ends.mean(axis=(0, 1)), atol=0.01)


def test_the_plane_of_a_3d_image():
    cube = np.arange(24.0).reshape(2, 3, 4)
    for plane, expected in ((None, cube[:, :, 2]), ((0, 1), cube[1]), ((1, 0), cube[:, 0, :])):
        figure = plot.field(cube, plane=plane)
        np.testing.assert_array_equal(figure.axes[0].images[0].get_array().T, expected)
    assert figure.axes[0].get_xlabel() == "x (voxels)"
    assert figure.axes[0].get_ylabel() == "z (voxels)"


def test_a_field_of_both_signs_is_centred_on_zero():
    bar = plot.field(np.array([[-1.0, 3.0]]), label="stress (MPa)").axes[1]
    assert bar.get_ylim() == (-3.0, 3.0)
    assert bar.get_ylabel() == "stress (MPa)"
    assert plot.field(np.array([[1.0, 3.0]])).axes[1].get_ylim() == (1.0, 3.0)


def test_values_beyond_the_limits_are_marked():
    for limits, extend in (((0.0, 4.0), "neither"), ((0.0, 2.0), "max"), ((2.0, 4.0), "min"), ((1.5, 2.0), "both")):
        figure = plot.field(np.array([[1.0, 3.0]]), limits=limits)
        assert figure.axes[0].images[0].colorbar.extend == extend


def test_phase_boundaries_lie_between_voxels():
    image = np.zeros((8, 8), int)
    image[4:] = 1
    figure = plot.field(image.astype(float), phases=image)
    (line,) = [path for part in figure.axes[0].collections for path in part.get_paths()]
    np.testing.assert_allclose(line.vertices[:, 0], 4.0)


def test_convergence_shows_means_intervals_and_limit():
    from msjax.homogenization.convergence import convergence

    found = convergence({"kubc": KUBC, "subc": SUBC}, level=0.9)
    figure = plot.convergence(found, label="bulk modulus (GPa)", bounds={"Reuss": 1.2, "Voigt": 90.0})
    axes = figure.axes[0]
    curve = next(line for line in axes.lines if line.get_label() == "KUBC")
    np.testing.assert_allclose(curve.get_ydata(), [3.0, 2.5])
    low, high = axes.collections[0].get_datalim(axes.transData).intervaly
    np.testing.assert_allclose([low, high], [found.curves["kubc"].lower.min(), found.curves["kubc"].upper.max()])
    assert any(np.all(np.asarray(line.get_ydata()) == 1.2) for line in axes.lines)
    assert "↑ Voigt 90" in [words.get_text() for words in axes.texts]
    assert axes.get_ylim()[1] < 90.0
    assert "limit 2" in [words.get_text() for words in axes.get_legend().get_texts()]


@pytest.mark.parametrize(
    ("draw", "match"),
    [
        (lambda: plot.phases(np.array([[-1, 0]])), "image: expected phases from 0 on, got -1"),
        (lambda: plot.phases(np.array([[0.0, 1.5]])), r"image: expected floats in \[0, 1\], got 0 to 1.5"),
        (lambda: plot.phases(np.array([[0.0, np.nan]])), "image: expected integers, or floats"),
        (lambda: plot.phases(np.array([0, 1])), r"image: expected shape \(nx, ny\)"),
        (lambda: plot.phases(np.eye(2, dtype=int), names=("matrix",)), "names: 1, expected one for each of 2 phases"),
        (lambda: plot.phases(np.eye(2, dtype=int), lengths=(1.0,)), "lengths: expected 2 edges"),
        (lambda: plot.phases(np.eye(2, dtype=int), plane=(0, 0)), "plane: a 2-D image has none"),
        (lambda: plot.field(np.zeros((2, 2, 2)), plane=(2, 2)), "plane: expected .* within"),
        (lambda: plot.field(np.array([[np.inf, 1.0]])), "values: expected finite numbers"),
        (lambda: plot.field(np.eye(2), limits=(1.0, 0.0)), "limits: expected"),
        (lambda: plot.field(np.eye(2), phases=np.eye(3)), r"phases: shape \(3, 3\), expected that of the values"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, match):
    with pytest.raises(ValueError, match=match):
        draw()


def test_the_figures_are_written(tmp_path):
    from msjax.homogenization.convergence import convergence

    x = np.linspace(-1.0, 1.0, 8)
    for name, figure in {
        "phases": plot.phases(np.eye(4, dtype=int), names=("matrix", "fibre")),
        "field": plot.field(x[:, None] * x[None, :], phases=np.eye(8, dtype=int)),
        "convergence": plot.convergence(convergence({"kubc": KUBC, "subc": SUBC}), bounds={"Reuss": 0.1}),
    }.items():
        plot.save(figure, tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 2000

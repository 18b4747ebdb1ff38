"""Every defect of a mesh is refused with a text that names it; quality against closed forms."""

import numpy as np
import pytest

import msjax as ms
from msjax.fe.checks import check_mesh

BASE = ms.fe.rectangle((1.0, 1.0), (3, 3))
P, C = np.asarray(BASE.points), np.asarray(BASE.cells)


def changed(array, *edits):
    result = array.copy()
    for place, value in edits:
        result[place] = value
    return result


def mesh(points=P, cells=C, kind="quad4", **rest):
    return ms.fe.Mesh(points, cells, kind, **rest)


DEFECTS = {
    "nan": (lambda: mesh(changed(P, (3, np.nan), (5, np.inf))), r"node 3 \(and 1 more\): its position"),
    "range": (lambda: mesh(cells=changed(C, ((4, 2), 16))), "cell 4: node 16 is outside 0 to 15"),
    "negative": (lambda: mesh(cells=changed(C, ((4, 2), -1))), "cell 4: node -1 is outside"),
    "twice": (lambda: mesh(cells=changed(C, ((1, 0), C[1, 3]))), "cell 1: node 6 is in it twice"),
    "duplicate": (lambda: mesh(cells=np.vstack([C, C[2, ::-1]])), "cell 9: it has the same vertices as cell 2"),
    "unused": (lambda: mesh(np.vstack([P, [[5.0, 5.0]]])), "node 16: no cell has it"),
    "mirrored": (lambda: mesh(P * np.array([-1.0, 1.0])), "cells: all are inverted; .* mirrored cell"),
    "inverted": (lambda: mesh(cells=changed(C, (3, C[3][[2, 3, 0, 1]]))), "cell 3: it is inverted, nodes"),
    "folded corner": (
        lambda: mesh(changed(P, (5, (1.1, 1.1)))),
        r"cell 1 \(and 2 more\): it is inverted, nodes",
    ),
    "flat": (lambda: mesh(changed(P, (0, P[1]))), "cell 0: it is degenerate"),
    "coincident in a cell": (lambda: mesh(changed(P, (1, P[0]))), r"cell 0.*degenerate"),
    "unconnected": (
        lambda: mesh(np.vstack([P, P[:8] + 7.0]), np.vstack([C, C[:3] + 16])),
        "expected 1 connected part, found 2; the smallest has 3 cells, cell 9 among them",
    ),
    "inner facet": (
        lambda: mesh(boundaries={"a": [[0, 0], [0, 1], [1, 1]]}),
        r"boundary 'a', facet 1 \(and 1 more\): \[0 1\] is inside the body",
    ),
    "no such facet": (lambda: mesh(boundaries={"a": [[0, 4]]}), r"boundary 'a', facet 0: \[0 4\] is outside"),
    "no such cell": (lambda: mesh(boundaries={"a": [[9, 0]]}), r"boundary 'a', facet 0: \[9 0\] is outside \[8 3\]"),
    "facet twice": (lambda: mesh(boundaries={"a": [[0, 0], [1, 0], [0, 0]]}), r"facet 2: \[0 0\] is given twice"),
    "region": (lambda: mesh(regions=changed(np.zeros(9, int), (4, 1))), "cell 4: its region 1 is outside 0 to 0"),
    "grid": (lambda: mesh(cells=C[::-1], grid=(3, 3)), r"cell 0 \(and 7 more\): its nodes are not those of a regular"),
    "grid shape": (lambda: mesh(grid=(3, 4)), r"grid: \(3, 4\) does not fit 9 cells of kind quad4"),
    "empty": (lambda: mesh(cells=C[:0]), "cells: the mesh has none"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_refused_by_name(defect):
    build, text = DEFECTS[defect]
    with pytest.raises(ValueError, match=text):
        check_mesh(build())


def test_a_facet_of_three_tetrahedra_is_refused():
    points = np.vstack([np.zeros(3), np.eye(3), [[0.0, 0.0, 2.0], [0.3, 0.3, -1.0]]])
    cells = [[0, 1, 2, 3], [0, 1, 2, 4], [0, 2, 1, 5]]
    with pytest.raises(ValueError, match=r"cell 0 \(and 2 more\): facet 0 has 3 cells"):
        check_mesh(ms.fe.Mesh(points, cells, "tet4"))


def test_parts_that_are_expected_pass_and_others_do_not():
    other = ms.fe.Mesh(np.vstack([P, P + 3.0]), np.vstack([C, C + 16]), "quad4")
    assert len(check_mesh(other, parts=2).volumes) == 18
    with pytest.raises(ValueError, match="expected 3 connected parts, found 2"):
        check_mesh(other, parts=3)


def test_a_curved_cell_that_folds_between_its_corners_is_refused():
    mesh = ms.fe.rectangle((1.0, 1.0), (1, 1), "quad9")
    points = np.array(mesh.points)
    points[4] += [0.6, 0.0]  # the node in the middle: corners are untouched
    with pytest.raises(ValueError, match="cells: all are inverted|cell 0: it is inverted"):
        check_mesh(mesh.moved(lambda _: points))


def test_quality_of_a_parallelogram_and_of_regular_simplices():
    angle = np.radians(30.0)
    shear = np.array([[1.0, 0.0], [3.0 * np.cos(angle), 3.0 * np.sin(angle)]])
    found = check_mesh(ms.fe.mapped(lambda x: x @ shear, (1, 1)))
    np.testing.assert_allclose(found.scaled_jacobian, np.sin(angle))
    np.testing.assert_allclose(found.aspect, 3.0)
    np.testing.assert_allclose(found.volumes, 3.0 * np.sin(angle))
    triangle = ms.fe.Mesh([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]], [[0, 1, 2]], "tri3")
    corners = [[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
    tetrahedron = ms.fe.Mesh(corners, [[1, 0, 2, 3]], "tet4")
    for regular, size in ((triangle, np.sqrt(0.1875)), (tetrahedron, 8.0 / 3.0)):
        found = check_mesh(regular)
        np.testing.assert_allclose([found.scaled_jacobian[0], found.aspect[0], found.volumes[0]], [1.0, 1.0, size])
    for dim, exact in ((2, np.sqrt(2.0 / 3.0)), (3, np.sqrt(0.5))):  # sin 45°/sin 60°; 1/2 at three of four corners
        corner = ms.fe.Mesh(np.vstack([np.zeros(dim), np.eye(dim)]), [range(dim + 1)], {2: "tri3", 3: "tet4"}[dim])
        np.testing.assert_allclose(check_mesh(corner).scaled_jacobian, exact)


def test_surfaces_and_lines_in_space_are_checked_too():
    plane = ms.fe.rectangle((1.0, 2.0), (2, 2), "tri3")
    roof = ms.fe.Mesh(np.column_stack([P := np.asarray(plane.points), P[:, 0]]), plane.cells, "tri3")
    np.testing.assert_allclose(check_mesh(roof).volumes.sum(), 2.0 * np.sqrt(2.0))
    star = ms.fe.Mesh([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]], [[0, 1], [0, 2], [0, 3]], "line2")
    np.testing.assert_allclose(check_mesh(star).volumes, [1.0, 2.0, 3.0])

"""Curves of others from a file, and figures of planes: what is drawn, with which labels."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from cevnsjax.errors import InputError
from cevnsjax.figures import Mark, Overlay, plane_figure, read_overlay
from cevnsjax.inference import Axis, ScanResult
from cevnsjax.parameters import CHARGE_RADII, G_BL, M_Z, Parameter
from cevnsjax.results import write_figure

TABLE = """# limits of others
m_z,g_bl,curve
1,1e-5,one
10,2e-5,one
1,3e-5,another, with a comma
5,4e-5,one
"""


@pytest.fixture
def table(tmp_path: Path):
    """Return a function that writes a file and gives its path."""

    def write(text: str) -> Path:
        path = tmp_path / "curves.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def result(x: Parameter, y: Parameter, power: float) -> ScanResult:
    """A plane made by hand: Delta chi^2 goes with the fourth power of y / x, times a number; one curve or none."""
    axes = [Axis(p, np.geomspace(low, high, 9)) for p, low, high in ((x, 1.0, 100.0), (y, 1e-6, 1e-3))]
    delta = power * (1e5 * axes[1].values[:, None] / axes[0].values) ** 4
    made = ScanResult(axes[0], axes[1], delta, {x.name: 1.0, y.name: 1e-6}, 7.0, [], 0.9, 2)
    return made.at_level(0.9, 2)


PLANE = result(M_Z, G_BL, 1.0)


def test_rows_of_a_label_stay_in_order(table) -> None:
    overlay = read_overlay(table(TABLE.replace("another, with a comma", '"another, with a comma"')))
    assert (overlay.x, overlay.y) == ("m_z", "g_bl")
    assert list(overlay.curves) == ["one", "another, with a comma"]
    np.testing.assert_array_equal(overlay.curves["one"], [[1, 1e-5], [10, 2e-5], [5, 4e-5]])
    np.testing.assert_array_equal(overlay.curves["another, with a comma"], [[1, 3e-5]])


def test_an_empty_cell_is_a_gap(table) -> None:
    curves = read_overlay(table("m_z,g_bl,curve\n1,1e-5,a\n,,a\n3,2e-5,a\n")).curves
    np.testing.assert_array_equal(np.isnan(curves["a"]).all(axis=1), [False, True, False])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("m_z,g_bl\n1,2\n", "has columns m_z, g_bl; give two parameters and 'curve'"),
        ("m_z,g_bl,label\n1,2,a\n", "has columns m_z, g_bl, label"),
        ("curve,m_z,g_bl\na,1,2\n", "has columns curve, m_z, g_bl"),
        ("m_z,g_bl,g_z,curve\n1,2,3,a\n", "has columns m_z, g_bl, g_z, curve"),
        ("m_z,m_z,curve\n1,2,a\n", "has two columns 'm_z'"),
        ("m_z,g_bl,curve\n1,2,a\n# a comment\n", "row 2 of .* does not have the header's 3 cells"),
        ("m_z,g_bl,curve\n", "no rows"),
        ("", "no rows"),
        ("m_z,g_bl,curve\n1,2,a\n1,2,a,b\n", "row 2 of .* does not have the header's 3 cells"),
        ("m_z,g_bl,curve\n1,2,a\n1,two,a\n", "'two' in row 2, column 'g_bl'"),
        ('m_z,g_bl,curve\n1,2,"a\n', "not a valid CSV table"),
    ],
)  # fmt: skip
def test_files_that_are_not_so(table, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_overlay(table(text))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the table .*nowhere.csv"):
        read_overlay(tmp_path / "nowhere.csv")


def test_contours_and_curves_of_others_are_drawn() -> None:
    """Each scan's curves in one look and with one label, whether they are many or one; then the others'."""
    (curve,) = PLANE.contours
    many = dataclasses.replace(PLANE, contours=[curve, 2 * curve, 3 * curve])
    others = {"A": np.array([[1.0, 1e-5], [2.0, 3e-5]]), "B": np.array([[5.0, 1e-4]])}
    (axes,) = plane_figure([("first", many), ("second", PLANE)], [Overlay("m_z", "g_bl", others)]).axes
    lines = axes.get_lines()
    expected = [curve, 2 * curve, 3 * curve, curve, *others.values()]
    for line, points in zip(lines, expected, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), points)
    looks = [(line.get_color(), line.get_linestyle()) for line in lines]
    assert looks[0] == looks[1] == looks[2]
    assert len(set(looks[2:])) == 4
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["first", "second", "A", "B"]
    assert legend.get_title().get_text() == "90 % CL, 2 d.o.f.; shaded: excluded by first"


def test_published_points_are_marked_in_the_colour_of_their_scan() -> None:
    marks = [Mark(1.0, 2e-5, "published", scan=1), Mark(2.0, 3e-5, "")]
    (axes,) = plane_figure([("first", PLANE), ("second", PLANE)], marks=marks).axes
    first, second, one, other = axes.get_lines()
    np.testing.assert_array_equal([one.get_xydata()[0], other.get_xydata()[0]], [[1.0, 2e-5], [2.0, 3e-5]])
    assert (one.get_color(), other.get_color()) == (second.get_color(), first.get_color())
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["first", "second", "published"]


def test_the_excluded_side_is_shaded() -> None:
    """Delta chi^2 rises with the coupling: what lies above the contour is shaded, and nothing below."""
    (axes,) = plane_figure([("mine", PLANE)]).axes
    (patch,) = axes.patches
    (curve,) = PLANE.contours
    vertices = patch.get_path().vertices
    assert vertices[:, 1].max() == pytest.approx(1e-3)
    np.testing.assert_allclose(vertices[:, 1].min(), curve[:, 1].min())
    for x, y in curve[1:-1]:
        assert patch.get_path().contains_point((x, 1.05 * y))
        assert not patch.get_path().contains_point((x, 0.95 * y))
    (axes,) = plane_figure([("mine", PLANE)], shaded=()).axes
    assert not axes.patches
    assert axes.get_legend().get_title().get_text() == "90 % CL, 2 d.o.f."


def test_errors_of_a_point() -> None:
    mark = Mark(10.0, 2e-5, "published", x_ends=(5.0, 20.0), y_ends=(1e-5, 5e-5))
    (axes,) = plane_figure([("mine", PLANE)], marks=[mark]).axes
    (bars,) = axes.containers
    across, up = (lines.get_segments()[0] for lines in bars.lines[2])
    np.testing.assert_allclose(across, [[5.0, 2e-5], [20.0, 2e-5]])
    np.testing.assert_allclose(up, [[10.0, 1e-5], [10.0, 5e-5]])


def test_a_point_beyond_the_plane_takes_no_room(tmp_path: Path) -> None:
    """Layout warns, which is an error here, where a point far off pushes the axes together."""
    write_figure(tmp_path / "plane.png", plane_figure([("mine", PLANE)], marks=[Mark(1e9, 2e-5, "far")]))


def test_curves_of_another_plane_are_left_out() -> None:
    points = {"A": np.array([[1.0, 1e-5], [2.0, 3e-5]])}
    others = [Overlay("m_z", "g_z", points), Overlay("g_bl", "m_z", points), Overlay("m_phi", "g_bl", points)]
    (axes,) = plane_figure([("mine", PLANE)], others).axes
    assert len(axes.get_lines()) == 1
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["mine"]


def test_axes_say_what_they_are() -> None:
    (axes,) = plane_figure([("mine", PLANE)]).axes
    assert axes.get_xlabel() == r"$M_{Z'}$ $[\mathrm{MeV}]$"
    assert axes.get_ylabel() == "$g_{B-L}$"
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlim() == pytest.approx((1.0, 100.0), rel=1e-12)
    assert axes.get_ylim() == pytest.approx((1e-6, 1e-3), rel=1e-12)
    no_symbol = dataclasses.replace(CHARGE_RADII["ee"], latex="", name="r")
    (axes,) = plane_figure([("mine", result(no_symbol, G_BL, 1.0))]).axes
    assert "r" in axes.get_xlabel()
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")


def test_a_plane_without_a_contour() -> None:
    (axes,) = plane_figure([("mine", result(M_Z, G_BL, 1e-30))]).axes
    assert axes.get_lines() == []


@pytest.mark.parametrize(("suffix", "magic"), [(".pdf", b"%PDF"), (".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_formats(tmp_path: Path, suffix: str, magic: bytes) -> None:
    path = tmp_path / f"plane{suffix}"
    write_figure(path, plane_figure([("mine", PLANE)]))
    assert path.read_bytes().startswith(magic)
    assert list(tmp_path.iterdir()) == [path]


def test_no_folder_to_draw_into(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        write_figure(tmp_path / "nowhere" / "plane.pdf", plane_figure([("mine", PLANE)]))

"""The axes that displays draw on."""

import sys

import pytest

from skextras.displays._axes import get_axes, get_row_of_axes


def test_given_axes_stay():
    figures = pytest.importorskip("matplotlib.figure")
    figure = figures.Figure()
    given = figure.subplots()
    ax, found = get_axes(given)
    assert ax is given
    assert found is figure


def test_new_axes_leave_room_for_what_is_outside():
    plt = pytest.importorskip("matplotlib.pyplot")
    ax, figure = get_axes()
    assert ax in figure.axes
    assert figure.get_constrained_layout()
    plt.close(figure)


def test_row_of_new_axes():
    pytest.importorskip("matplotlib.pyplot")
    axes, figure = get_row_of_axes(3, size=2)
    assert list(axes) == figure.axes
    assert figure.get_constrained_layout()
    # Three squares and a colour bar.
    assert figure.get_size_inches().tolist() == [7, 2]
    tops = {ax.get_position().y1 for ax in axes}
    assert len(tops) == 1


def test_row_of_given_axes():
    figures = pytest.importorskip("matplotlib.figure")
    given = figures.Figure().subplots(2, 2)
    for form in (given, given.ravel(), list(given.ravel())):
        axes, figure = get_row_of_axes(4, form)
        assert list(axes) == list(given.ravel())
        assert figure is given[0, 0].get_figure()
    axes, _ = get_row_of_axes(1, given[1, 0])
    assert list(axes) == [given[1, 0]]
    with pytest.raises(ValueError, match="ax must hold 3 axes, got 4"):
        get_row_of_axes(3, given)
    with pytest.raises(ValueError, match="axes must hold 3 axes, got 4"):
        get_row_of_axes(3, given, name="axes")


@pytest.mark.parametrize("make", [get_axes, lambda: get_row_of_axes(2)])
def test_without_matplotlib(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "skextras\[plot\]"'):
        make()

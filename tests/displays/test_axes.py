"""The axes that displays draw on."""

import sys

import pytest

from skextras.displays._axes import get_axes


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


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "skextras\[plot\]"'):
        get_axes()

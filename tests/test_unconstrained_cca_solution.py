"""Fitted attributes and the warnings that go with them."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skextras import UnconstrainedCCA
from skextras._unconstrained_cca_problem import Settings
from skextras._unconstrained_cca_solution import fitted_attributes
from skextras.exceptions import DegenerateCorrelationWarning


def attributes(
    ranks=(2, 2), shrinkage=(0, 0), n_rows=9, n_components=None, paired=False, **others
):
    w = [np.eye(3)[:, :2]] * len(ranks)
    return fitted_attributes(
        Settings(n_components, tuple(shrinkage), False, False, paired),
        weights=w,
        means=[np.zeros(3)] * len(ranks),
        singular_values=np.array([0.5, 0.4]),
        ranks=ranks,
        shrinkage=shrinkage,
        n_rows=n_rows,
        solver="moments",
        **others,
    )


@pytest.mark.parametrize(
    ("ranks", "shrinkage", "n_rows", "trivial", "warns"),
    [
        ((4, 4), (0, 0), 9, 0, False),
        ((5, 4), (0, 0), 9, 1, True),
        ((8, 8), (0, 0), 9, 8, True),
        ((8, 2), (0, 0), 9, 2, True),
        ((8, 8), (0.1, 0), 9, 0, False),
        ((8, 8), (0.1, 0.2), 9, 0, False),
        # Two of three overlap, though not all three in common.
        ((5, 5, 5), (0, 0, 0), 9, 0, True),
        ((6, 6, 6), (0, 0, 0), 9, 2, True),
        ((6, 6, 6), (0, 0, 0.1), 9, 0, True),
        ((6, 2, 2), (0, 0, 0), 9, 0, False),
    ],
)
def test_trivial_correlations(ranks, shrinkage, n_rows, trivial, warns):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = attributes(ranks, shrinkage, n_rows)
    assert found["n_trivial_"] == trivial
    assert [w.category for w in caught] == [DegenerateCorrelationWarning] * warns
    for w in caught:
        message = str(w.message)
        for part in (str(list(ranks)), f"n_samples={n_rows}", f"n_trivial_={trivial}"):
            assert part in message
        assert 'shrinkage="auto"' in message


def test_fewer_components_than_asked_for():
    with pytest.warns(UserWarning, match=r"n_components=3 is more .*: 2 components"):
        assert attributes(n_components=3)["n_components_"] == 2
    rng = np.random.default_rng(0)
    X = np.repeat(rng.standard_normal((30, 2)), 2, axis=1)
    with pytest.warns(UserWarning, match=r"n_components=4 is more .*: 2 components"):
        cca = UnconstrainedCCA(4).fit(X, rng.standard_normal((30, 5)))
    assert cca.transform(X).shape == (30, 2)


def test_names_depend_on_the_views():
    paired, blocks = attributes(paired=True), attributes()
    assert paired.keys() - blocks.keys() == {"x_weights_", "y_weights_"}
    assert paired["x_weights_"] is paired["weights_"][0]
    assert "canonical_correlations_" not in blocks
    assert "spectrum_" in attributes(spectrum=np.ones(3))


def test_regression_is_least_squares(seed):
    rng = np.random.default_rng(seed)
    z, y = rng.standard_normal((50, 2)), rng.standard_normal((50, 3))
    z[:, 1] = 1e9 * (z[:, 1] + z[:, 0])
    C = np.cov(np.hstack([z, z, y]), rowvar=False)
    found = attributes(paired=True, covariances=C[:4, :4], cross=C[:2, 4:])
    centred = z - z.mean(0), y - y.mean(0)
    expected = np.linalg.lstsq(*centred, rcond=None)[0]
    assert_allclose(found["_regression"], expected, rtol=1e-8)
    assert_allclose(found["canonical_correlations_"], 1)


def test_constant_variates_predict_nothing():
    C = np.zeros((4, 4))
    C[0, 0] = 1.0
    found = attributes(paired=True, covariances=C, cross=np.array([[2.0], [0.0]]))
    assert_array_equal(found["_regression"], [[2.0], [0.0]])

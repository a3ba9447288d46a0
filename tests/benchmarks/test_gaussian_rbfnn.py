"""The benchmark of GaussianRBFNN, on tiny data."""

import numpy as np
import pytest


@pytest.fixture
def networks(load):
    return load("gaussian_rbfnn")


@pytest.fixture
def table_split(networks):
    """A small table, split and standardised."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (120, 3)) * [1, 10, 100]
    noise = 0.1 * rng.standard_normal(120)
    return networks.split(X, np.sin(3 * X[:, 0]) + 0.1 * X[:, 1] + noise)


def test_splits(networks, table_split):
    X, y, X_test, _ = table_split
    assert (X.shape, X_test.shape) == ((108, 3), (12, 3))
    np.testing.assert_allclose(np.c_[X, y].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.c_[X, y].std(axis=0), 1)
    rows = [np.array([2, 0, 1]), np.array([3])]
    given = networks.split(np.eye(4)[:, :2], np.arange(4.0), rows)
    assert given[0].shape == (3, 2)
    assert given[3] == pytest.approx((3 - 1) / np.sqrt(2 / 3))


@pytest.mark.requires_torch
def test_authors_arithmetic(networks):
    X, y, centers = networks.simulate_classes(9, 3, 4)
    network, objective = networks.make_both(X, y, centers)
    networks.check_gradients(network, objective, X, y)
    c, w, factor = (part.detach().numpy() for part in network.parts())
    assert np.array_equal(factor, np.tril(factor))
    difference = X[:, None] - c
    squares = np.einsum("ijk,kl,ijl->ij", difference, factor @ factor.T, difference)
    torch = networks.torch
    outputs = network.outputs(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(outputs, np.exp(-0.5 * squares) @ w, rtol=1e-12)
    # Another objective must not pass for the same.
    network.penalty = 0.1
    with pytest.raises(AssertionError, match="differ"):
        networks.check_gradients(network, objective, X, y)


@pytest.mark.requires_torch
def test_loss_of_a_regression(networks, table_split):
    X, y = map(networks.torch.from_numpy, table_split[:2])
    network = networks.OfficialNetwork(table_split[0][:5], 0.3)
    error = np.mean(np.square(network.outputs(X).detach().numpy() - table_split[1]))
    norms = sum(np.linalg.norm(part.detach().numpy()) for part in network.parts())
    before = network.step(X, y)
    assert before == pytest.approx(error + 0.3 * norms)
    for _ in range(50):
        network.step(X, y)
    assert network.step(X, y) < before


@pytest.mark.requires_torch
def test_fit(networks, harness, monkeypatch, table_split):
    monkeypatch.setattr(networks, "N_CENTERS", 8)
    seconds, errors = networks.official_fit(table_split, 30)
    assert seconds.shape == errors.shape == (3,)
    assert (np.diff(seconds) > 0).all()
    table = harness.Table()
    ratio = networks.add_fit(table, "waves", table_split, 30)
    assert [row.target for row in table.rows] == [5, 20]
    assert ratio == table.rows[0].ratio > 0
    assert table.rows[1].theirs <= table.rows[0].theirs


@pytest.mark.requires_torch
def test_fit_that_does_not_come_as_near(networks, harness, monkeypatch, table_split):
    found = np.array([1.0, 2.0]), np.array([0.0, 0.5])
    monkeypatch.setattr(networks, "official_fit", lambda split, n_epochs: found)
    table = harness.Table()
    networks.add_fit(table, "waves", table_split, 2)
    assert len(table.rows) == 1
    assert "waves: ours does not come to the error 0." in table.notes[0]


@pytest.mark.requires_torch
def test_step(networks, harness):
    table = harness.Table()
    networks.add_step(table, [9, 3, 4], 40, 1)
    assert table.rows[0].ratio > 0
    assert "9 rows, 3 features, 4 centres" in table.rows[0].case


def test_peers_without_torch(networks, harness, table_split):
    table = harness.Table()
    networks.add_process(table, "waves", table_split)
    networks.add_subset(table, "waves", table_split)
    networks.add_gradient(table, (90, 3, 7), 1)
    assert [row.target for row in table.rows] == [5, 2, None]
    assert table.rows[-1].limit > 0
    assert "ns for each pair" in table.notes[0]


def test_bare_arithmetic(networks):
    rng = np.random.default_rng(0)
    X, centers = rng.standard_normal((2, 7, 3))
    expected = np.exp(X @ centers.T).T @ X
    found = networks.bare_arithmetic(X, centers, block=3)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_without_torch_and_data(networks, harness, monkeypatch, tmp_path, table_split):
    monkeypatch.setattr(networks, "torch", None)
    monkeypatch.setenv("SKEXTRAS_DATA", str(tmp_path))
    table = harness.Table()
    assert set(networks.load_splits(table)) == {"diabetes", "friedman1"}
    assert "Left out: the tables of UCI" in table.notes[0]
    monkeypatch.setattr(networks, "simulate", lambda: table_split)
    networks.measure(table, quick=True)
    assert "Left out: the authors' network" in table.notes[1]
    assert len(table.rows) == 2


def test_writes_its_section(networks, harness, monkeypatch, tmp_path):
    page = tmp_path / "benchmarks.md"
    monkeypatch.setattr(harness, "PAGE", page)
    monkeypatch.setattr(networks, "measure", lambda table, quick: None)
    networks.main(["--quick"])
    assert not page.exists()
    networks.main([])
    text = page.read_text(encoding="utf-8")
    assert "<!-- begin gaussian_rbfnn -->\n## GaussianRBFNN" in text


def test_public_tables(networks, harness, shared_data):
    shared_data(networks.UCI)
    table = harness.Table()
    splits = networks.load_splits(table)
    assert not table.notes
    shapes = {name: split[0].shape for name, split in splits.items()}
    assert shapes["concrete"] == (927, 8)
    assert shapes["power-plant"] == (8611, 4)
    assert len(shapes) == 7

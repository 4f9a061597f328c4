import numpy as np
import pytest
from scipy.optimize import nnls

from retreat_research.durations.nonparametric import graph
from retreat_research.durations.nonparametric.graph import Edges, covered, minimise, spans


def random_edges(seed, s, e):
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.integers(0, s + 1, (e, 2)), axis=1)
    ends = ends[ends[:, 0] < ends[:, 1]]
    chain = np.column_stack([np.arange(s), np.arange(1, s + 1)])
    start, end = np.vstack([ends, chain]).T
    weight = np.append(rng.exponential(size=len(ends)), np.full(s, 1e-3))
    return Edges(start, end, weight), rng.normal(size=s)


def dense(edges, s):
    """0/1 matrix: which masses each edge covers."""
    j = np.arange(s)
    return ((edges.start[:, None] <= j) & (j < edges.end[:, None])).astype(float)


@pytest.mark.parametrize("dense_nodes", [0, graph.DENSE_NODES])
@pytest.mark.parametrize("seed", range(12))
def test_minimise_agrees_with_nonnegative_least_squares(monkeypatch, seed, dense_nodes):
    monkeypatch.setattr(graph, "DENSE_NODES", dense_nodes)
    s = [1, 2, 3, 8, 25, 60][seed % 6]
    edges, linear = random_edges(seed, s, 3 * s)
    root = np.sqrt(edges.weight)[:, None] * dense(edges, s)
    # ½‖root q‖² − linear·q: least squares with any target whose image is `linear`
    target = np.linalg.lstsq(root.T, linear, rcond=None)[0]
    expected, _ = nnls(root, target)
    np.testing.assert_allclose(minimise(edges, linear), expected, rtol=1e-8, atol=1e-8)


def test_spans_and_covered_are_products_with_the_incidence_matrix():
    edges, mass = random_edges(3, 7, 20)
    mass = np.abs(mass)
    incidence = dense(edges, 7)
    np.testing.assert_allclose(spans(edges, mass), incidence @ mass, rtol=1e-14)
    np.testing.assert_allclose(covered(edges, edges.weight, 7), incidence.T @ edges.weight, rtol=1e-13)


def test_no_mass_where_every_gradient_is_against_it():
    edges, _ = random_edges(0, 5, 9)
    assert minimise(edges, np.full(5, -1.0)).tolist() == [0] * 5

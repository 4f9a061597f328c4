import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retreat_research.durations.nonparametric.intervals import innermost_intervals

rows = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.booleans()).map(
        lambda r: (float(min(r[:2])), np.inf if r[2] and min(r[:2]) != max(r[:2]) else float(max(r[:2])))
    ),
    min_size=1,
    max_size=12,
)


def inside(inner, outer):
    """Whether (l, r], a point where equal, lies in another: by the weeks it holds, on a fine grid."""
    grid = np.append(np.arange(0, 7, 0.25), 1e9)

    def holds(left, right):
        return (grid == left) if left == right else (grid > left) & (grid <= right)

    return not (holds(*inner) & ~holds(*outer)).any()


def naive(observed):
    """Every smallest intersection of observed intervals, found by intersecting all of them."""
    grid = np.append(np.arange(0, 7, 0.25), 1e9)
    sets = {tuple(i for i, row in enumerate(observed) if inside((x, x), row)) for x in grid}
    largest = {s for s in sets if s and not any(set(s) < set(other) for other in sets)}
    return largest


@given(rows)
def test_innermost_intervals_are_the_maximal_intersections(observed):
    lower, upper = np.array(observed).T
    inner = innermost_intervals(lower, upper)
    covering = [tuple(np.flatnonzero((inner.first <= j) & (j <= inner.last)).tolist()) for j in range(inner.left.size)]
    assert len(set(covering)) == len(covering)
    assert set(covering) == naive(observed)
    for left, right, rows_there in zip(inner.left, inner.right, covering, strict=True):
        assert all(inside((left, right), observed[i]) == (i in rows_there) for i in range(len(observed)))


def test_neighbours_on_a_visit_grid_share_nothing():
    inner = innermost_intervals(np.array([8.0, 12.0]), np.array([12.0, 16.0]))
    assert inner.left.tolist() == [8, 12]
    assert inner.first.tolist() == inner.last.tolist() == [0, 1]


def test_an_exact_time_is_in_the_interval_that_it_closes_and_not_in_the_one_it_opens():
    inner = innermost_intervals(np.array([8.0, 4.0, 8.0]), np.array([8.0, 8.0, 12.0]))
    assert list(zip(inner.left, inner.right, strict=True)) == [(8, 8), (8, 12)]
    assert inner.first.tolist() == [0, 0, 1]
    assert inner.last.tolist() == [0, 0, 1]

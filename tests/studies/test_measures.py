"""Performance measures against a naive second implementation, hand-computed numbers and each other."""

import numpy as np
import pytest

from retreat_research.studies import MEASURES, measures
from retreat_research.studies.measures import content_measures


def naive(estimate, se, lower, upper, truth):
    """Morris, White and Crowther's Table 6, sum by sum."""
    n = len(estimate)
    mean = sum(estimate) / n
    empirical = (sum((e - mean) ** 2 for e in estimate) / (n - 1)) ** 0.5
    model = (sum(s**2 for s in se) / n) ** 0.5
    mean_square = model**2
    variance_of_squares = sum((s**2 - mean_square) ** 2 for s in se) / (n - 1)
    mse = sum((e - truth) ** 2 for e in estimate) / n
    covered = sum(a <= truth <= b for a, b in zip(lower, upper, strict=True)) / n
    centred = sum(a <= mean <= b for a, b in zip(lower, upper, strict=True)) / n
    bias_mcse = (sum((e - mean) ** 2 for e in estimate) / (n * (n - 1))) ** 0.5
    return {
        "bias": (mean - truth, bias_mcse),
        "relative bias": ((mean - truth) / truth, bias_mcse / abs(truth)),
        "empirical SE": (empirical, empirical / (2 * (n - 1)) ** 0.5),
        "mean squared error": (
            mse,
            (sum(((e - truth) ** 2 - mse) ** 2 for e in estimate) / (n * (n - 1))) ** 0.5,
        ),
        "model SE": (model, (variance_of_squares / (4 * n * model**2)) ** 0.5),
        "relative error of model SE": (
            model / empirical - 1,
            (model / empirical) * (variance_of_squares / (4 * n * model**4) + 1 / (2 * (n - 1))) ** 0.5,
        ),
        "coverage": (covered, (covered * (1 - covered) / n) ** 0.5),
        "bias-eliminated coverage": (centred, (centred * (1 - centred) / n) ** 0.5),
    }


def test_every_measure_equals_the_naive_sums():
    random = np.random.default_rng(3)
    estimate = -1.5 + random.normal(size=60)
    se = random.uniform(0.5, 1.5, size=60)
    lower, upper = estimate - 1.7 * se, estimate + 2.1 * se
    table = measures(estimate, se, lower, upper, np.ones(60, dtype=bool), -1.2)
    expected = naive(estimate, se, lower, upper, -1.2)
    assert set(expected) == set(MEASURES) - {"convergence", "estimated", "with interval"}
    for name, pair in expected.items():
        assert table.loc[name].tolist() == pytest.approx(pair, rel=1e-12), name
    assert 0 < table.loc["coverage", "value"] < 1
    assert table.loc["coverage", "value"] != table.loc["bias-eliminated coverage", "value"]


def test_a_small_example_by_hand():
    estimate, se = np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 1.0])
    table = measures(estimate, se, estimate - 1, estimate + 1, np.ones(3, dtype=bool), 1.5)
    value, mcse = table["value"], table["mcse"]
    assert value["bias"] == pytest.approx(0.5)
    assert mcse["bias"] == pytest.approx(3**-0.5)
    assert value["relative bias"] == pytest.approx(1 / 3)
    assert value["empirical SE"] == pytest.approx(1)
    assert mcse["empirical SE"] == pytest.approx(0.5)
    assert value["mean squared error"] == pytest.approx((0.25 + 0.25 + 2.25) / 3)
    assert (value["model SE"], mcse["model SE"]) == (1, 0)
    assert value["relative error of model SE"] == pytest.approx(0)
    assert mcse["relative error of model SE"] == pytest.approx(0.5)
    assert value["coverage"] == pytest.approx(2 / 3)
    assert mcse["coverage"] == pytest.approx((2 / 27) ** 0.5)
    assert value["bias-eliminated coverage"] == pytest.approx(1)


def test_what_is_missing_is_counted_not_dropped():
    """One fit failed, one has no finite estimate, one has no interval: it does not cover."""
    estimate = np.array([np.nan, -np.inf, 1.0, 2.0, 3.0])
    se = np.array([np.nan, np.nan, np.nan, 1.0, 1.0])
    lower, upper = estimate - 1.5 * se, estimate + 1.5 * se
    table = measures(estimate, se, lower, upper, np.array([False, True, True, True, True]), 2.0)
    value = table["value"]
    assert value["convergence"] == pytest.approx(0.8)
    assert value["estimated"] == pytest.approx(0.6)
    assert value["with interval"] == pytest.approx(2 / 3)
    assert value["coverage"] == pytest.approx(2 / 3)
    assert value["bias"] == pytest.approx(0)
    assert value["relative error of model SE"] == pytest.approx(1 / 0.5**0.5 - 1)  # of the two with a standard error


def test_without_intervals_there_is_no_coverage_and_without_estimates_nothing():
    none = np.full(4, np.nan)
    table = measures(np.arange(4.0), none, none, none, np.ones(4, dtype=bool), 1.0)
    assert table.loc[["coverage", "model SE", "relative error of model SE"], "value"].isna().all()
    assert table.loc["with interval", "value"] == 0
    table = measures(none, none, none, none, np.zeros(4, dtype=bool), 1.0)
    assert table.loc["convergence", "value"] == 0
    assert table["value"].drop(["convergence", "estimated"]).isna().all()


def test_monte_carlo_errors_are_the_spread_over_repeated_studies():
    """400 studies of 50 normal estimates: the SD of each measure is its mean MCSE, within 4 of its own errors."""
    random = np.random.default_rng(11)
    studies = 400
    tables = []
    for _ in range(studies):
        estimate = random.normal(1.0, 0.5, size=50)
        se = 0.5 * np.sqrt(random.chisquare(20, size=50) / 20)
        tables.append(measures(estimate, se, estimate - 1.5 * se, estimate + 1.5 * se, np.ones(50, bool), 1.0))
    for name in ("bias", "empirical SE", "model SE", "relative error of model SE", "coverage"):
        values = np.array([table.loc[name, "value"] for table in tables])
        claimed = np.sqrt(np.mean([table.loc[name, "mcse"] ** 2 for table in tables]))
        assert values.std(ddof=1) == pytest.approx(claimed, rel=4 / np.sqrt(2 * studies)), name


def test_contents_of_predictive_intervals():
    content = np.array([0.9, 1.0, np.nan, 0.8])
    table = content_measures(content, np.array([True, True, False, True]), 0.95)
    assert table.loc["coverage"].tolist() == pytest.approx([0.9, 0.1 / 3**0.5])
    assert table.loc["bias"].tolist() == pytest.approx([-0.05, 0.1 / 3**0.5])
    assert table.loc["convergence", "value"] == 0.75

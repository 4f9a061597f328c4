"""The real trial: responders and Weibull medians, fitted here by a few lines of SciPy."""

import numpy as np
import pytest
from scipy.optimize import minimize

from retreat_research import LossOfBenefit, read_records

ARMS = {"placebo": 0, "5000 U": 5000, "10000 U": 10000}


@pytest.fixture
def arms(trial):
    records = read_records(*trial)

    def of(loss):
        cycles = records.cycles(LossOfBenefit("TWSTRS", loss=loss, response=8, better="lower", peak_by=4))
        return {arm: cycles[(cycles.frame["units"] == units).to_numpy()] for arm, units in ARMS.items()}

    return of


def weibull_median(cycles):
    """Maximum-likelihood median of a Weibull on (lower, upper]."""
    lower, upper = cycles.responding.lower, cycles.responding.upper

    def survival(weeks, log_scale, log_shape):
        return np.exp(-((weeks / np.exp(log_scale)) ** np.exp(log_shape)))

    def loss(parameters):
        return -np.log(survival(lower, *parameters) - survival(upper, *parameters)).sum()

    fit = minimize(loss, [np.log(12), np.log(2)], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    assert fit.success
    log_scale, log_shape = fit.x
    return np.exp(log_scale) * np.log(2) ** (1 / np.exp(log_shape))


def test_it_reads_cleanly(trial):
    records = read_records(*trial)
    assert len(records.sessions) == 109
    assert len(records.assessments) == 631
    assert records.assessments["value"].notna().all()
    assert set(records.sessions["product"]) == {"placebo", "rimabotulinumtoxinB"}
    assert list(records.patients) == ["patient", "age", "sex", "site"]
    assert records.patients["age"].between(26, 83).all()


@pytest.mark.parametrize("loss", [0.8, 0.5])
def test_enrolled_responding_and_unassessed(arms, loss):
    frames = {arm: cycles.frame for arm, cycles in arms(loss).items()}
    assert {arm: len(frame) for arm, frame in frames.items()} == {"placebo": 36, "5000 U": 36, "10000 U": 37}
    responders = {arm: int((frame["responder"] == True).sum()) for arm, frame in frames.items()}  # noqa: E712
    assert responders == {"placebo": 15, "5000 U": 27, "10000 U": 28}
    unassessed = {arm: int(frame["responder"].isna().sum()) for arm, frame in frames.items()}
    assert unassessed == {"placebo": 1, "5000 U": 0, "10000 U": 0}


@pytest.mark.parametrize(
    ("loss", "medians"),
    [
        (0.8, {"placebo": 10.06, "5000 U": 14.30, "10000 U": 12.45}),
        (0.5, {"placebo": 6.46, "5000 U": 8.45, "10000 U": 8.68}),
    ],
)
def test_weibull_medians(arms, loss, medians):
    assert {arm: weibull_median(cycles) for arm, cycles in arms(loss).items()} == pytest.approx(medians, abs=0.01)


def test_without_the_tie_the_median_is_another(arms):
    """One patient of the 5,000 U arm keeps exactly a fifth of the peak; without her loss the median reads 14.83."""
    cycles = arms(0.8)["5000 U"]
    just_short = LossOfBenefit("TWSTRS", loss=0.8 + 1e-7, response=8)
    assert weibull_median(cycles) == pytest.approx(14.30, abs=0.01)
    assert weibull_median(arms(just_short.loss)["5000 U"]) == pytest.approx(14.83, abs=0.01)

import pickle
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

import retreat_research as rr
from retreat_research.durations.families import FAMILIES
from retreat_research.durations.retreatment.likelihood import centre_of, evaluate, joint_of

INF, NAN = np.inf, np.nan
LAWS = {
    "lognormal": stats.norm,
    "weibull": stats.gumbel_l,
    "exponential": stats.gumbel_l,
    "loglogistic": stats.logistic,
}


TRUTH = (2.4, np.log(0.2), np.log(0.35))  # β, log σ, log sd


def simulate(seed, patients, cycles, gamma, omega=0.0, visit=2.0, end=60.0, alpha=-6.0, shape=2.0, truth=TRUTH):
    """Retreatment while effective, at which effect is assessed, or loss seen at the next visit of a grid."""
    rng = np.random.default_rng(seed)
    u = np.repeat(rng.normal(size=patients), cycles)
    v = np.repeat(rng.normal(size=patients), cycles)
    t = np.exp(truth[0] + np.exp(truth[2]) * u + np.exp(truth[1]) * rng.normal(size=u.size))
    week = (rng.exponential(size=u.size) / np.exp(alpha + gamma * u + omega * v)) ** (1 / shape)
    lost = np.ceil(t / visit) * visit if visit else t
    first, late = (week < t) & (week < end), lost > end
    lower = np.where(first, week, np.where(late, end, lost - visit))
    upper = np.where(first | late, INF, lost)
    frame = pd.DataFrame(
        {"censoring": np.select([first, late], ["retreated", "follow-up"], "interval" if visit else "exact")}
    )
    frame["next_weeks"] = np.where(first, week, lost)
    return rr.Cycles(lower, upper, patient=np.repeat(np.arange(patients), cycles), data=frame)


@cache
def fitted(gamma=-1.2):
    return rr.JointRetreatment().fit(simulate(1, 80, 3, gamma))


# the likelihood, against quadrature by definition


N = 12
WHO = np.repeat([0, 1, 2], 4)
LOWER = np.array([8, 12, 0, 10, 9, 11.5, 0, 14, 3, 20, 7, 9.0])
UPPER = np.array([12, INF, 6, 10, INF, 13, INF, INF, 25, 30, 8, INF])
WEEK = np.full(N, NAN)
WEEK[[1, 4, 6]] = 12, 10.5, 9  # at the last assessment, after it, and with none before
X = np.column_stack([np.ones(N), np.linspace(-1, 1, N) ** 2])


def naive(family, theta, omega=0.0, patients=(0, 1, 2)):
    """One patient, one cycle, one integral at a time."""
    beta, (log_scale, log_sd), alpha, (log_shape, gamma) = theta[:2], theta[2:4], theta[4:6], theta[6:8]
    sigma, sd, kappa = np.exp([log_scale, log_sd, log_shape])

    def of_cycle(j, u, v):
        def z(t):
            return (np.log(t) - X[j] @ beta - sd * u) / sigma

        rate = np.exp(X[j] @ alpha + gamma * u + omega * v)

        def density(t):
            return LAWS[family].pdf(z(t)) / (sigma * t) * np.exp(-(t**kappa) * rate)

        lasts = LAWS[family].sf(z(LOWER[j])) if LOWER[j] > 0 else 1.0
        if not np.isnan(WEEK[j]):
            c = WEEK[j]
            return lasts * kappa * c ** (kappa - 1) * rate * np.exp(-(c**kappa) * rate)
        if np.isinf(UPPER[j]):
            return lasts * np.exp(-(LOWER[j] ** kappa) * rate)
        if LOWER[j] == UPPER[j]:
            return density(LOWER[j])
        return integrate.quad(density, LOWER[j], UPPER[j], epsabs=1e-14, epsrel=1e-10)[0]

    def of_patient(i, u, v):
        return np.prod([of_cycle(j, u, v) for j in np.flatnonzero(i == WHO)]) * stats.norm.pdf(u)

    step, end = (0.2, 7.0) if omega == 0 else (0.5, 5.0)
    grid = np.arange(
        -end, end + 0.1, step
    )  # trapezoids converge geometrically where the integrand vanishes at both ends
    habits = [(0.0, 1.0)] if omega == 0 else [(v, step * stats.norm.pdf(v)) for v in grid]
    parts = [step * sum(of_patient(i, u, v) * w for u in grid for v, w in habits) for i in patients]
    return np.log(parts)


def ours(family, theta, nodes=31, places=32, who=WHO, rows=slice(None), dimension=1):
    panel = joint_of(FAMILIES[family], LOWER[rows], UPPER[rows], WEEK[rows], X[rows], X[rows], who, nodes, dimension)
    centre = centre_of(panel, theta, np.zeros((who.max() + 1, dimension)), places)
    return evaluate(panel, theta, centre, nodes, places)


POINT = np.array([2.4, 0.1, np.log(0.3), np.log(0.35), -5, 0.2, np.log(1.7), -0.6])


@pytest.mark.parametrize("family", LAWS)
def test_likelihood_by_definition(family):
    theta = POINT.copy()
    if family == "exponential":
        theta[2] = 0.0
    given = np.delete(theta, 2) if family == "exponential" else theta
    assert ours(family, given).llf == pytest.approx(naive(family, theta).sum(), abs=1e-8)
    assert ours(family, given, 15, 8).llf == pytest.approx(naive(family, theta).sum(), abs=2e-5)  # where fits begin


def test_likelihood_with_habits_by_definition():
    last = WHO == 2
    found = ours("lognormal", np.append(POINT, 0.5), 21, 16, WHO[last] - 2, last, 2)
    assert found.llf == pytest.approx(naive("lognormal", POINT, 0.5, patients=(2,)).sum(), abs=1e-6)


@pytest.mark.parametrize("family", LAWS)
@pytest.mark.parametrize("dimension", [1, 2])
def test_gradient(family, dimension):
    theta = np.append(POINT, [0.5] * (dimension - 1))
    theta = np.delete(theta, 2) if family == "exponential" else theta
    gradient, step = ours(family, theta, 21, 16, dimension=dimension).scores.sum(axis=0), 1e-5
    differences = [
        (
            ours(family, theta + d, 21, 16, dimension=dimension).llf
            - ours(family, theta - d, 21, 16, dimension=dimension).llf
        )
        / (2 * step)
        for d in step * np.eye(theta.size)
    ]
    np.testing.assert_allclose(gradient, differences, rtol=1e-5, atol=1e-5)


def test_intervals_in_the_far_tails_stay_finite():
    theta = POINT.copy()
    for mean, log_scale in ((9.0, -3.0), (-4.0, -3.0), (2.4, -5.0)):
        theta[[0, 2]] = mean, log_scale
        for family in ("lognormal", "weibull", "loglogistic"):
            found = ours(family, theta)
            assert np.isfinite(found.llf)
            assert np.isfinite(found.scores).all()


# the fit


def test_without_association_it_is_a_mixed_aft_and_a_weibull_regression():
    cycles = simulate(5, 60, 3, gamma=0.0, visit=0)
    fit = rr.JointRetreatment().fit(cycles)
    frame = cycles.frame
    came = (frame["censoring"] == "retreated").to_numpy()
    returns = rr.Cycles(cycles.lower, np.where(came, cycles.lower, INF))
    apart = rr.MixedAFT().fit(cycles).llf + rr.AFT(family="weibull").fit(returns).llf
    assert fit.llf_unrelated == pytest.approx(apart, abs=1e-4)
    assert fit.llf > fit.llf_unrelated
    assert fit.association().likelihood_ratio.p > 0.01


def test_maximum_and_information():
    fit = fitted()
    assert np.abs(fit.scores.sum(axis=0) * fit.bse).max() < 1e-4
    data = fit.data
    panel = joint_of(FAMILIES["lognormal"], data.lower, data.upper, fit.retreated, fit.x, fit.x, data.patient, 31, 1)

    def llf(theta):
        return evaluate(panel, theta, centre_of(panel, theta, np.zeros((80, 1)), 32), 31, 32).llf

    assert fit.llf == pytest.approx(llf(fit.estimate), abs=1e-4)
    steps = 0.02 * fit.bse.to_numpy()
    for i in range(6):
        d = steps * (np.arange(6) == i)
        bend = (2 * llf(fit.estimate) - llf(fit.estimate + d) - llf(fit.estimate - d)) / steps[i] ** 2
        assert fit.information[i, i] == pytest.approx(bend, rel=1e-3)


def test_known_truth_where_the_mixed_model_is_biased():
    """Patients with short durations return earlier; visits every 2 weeks, assessed at returns."""
    joint, mixed = [], []
    for seed in range(14):
        cycles = simulate(100 + seed, 150, 3, gamma=-1.5)
        joint.append(rr.JointRetreatment(nodes=9).fit(cycles).estimate)
        mixed.append(rr.MixedAFT(nodes=9).fit(cycles).estimate)
    for found, truth, bias in ((joint, [*TRUTH, -6.0, np.log(2), -1.5], False), (mixed, list(TRUTH), True)):
        off = np.mean(found, axis=0) - truth
        mcse = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
        if bias:
            assert off[0] > 4 * mcse[0]  # the long durations among the short-lived patients are what is censored
        else:
            assert (np.abs(off) < 4 * mcse).all()


def test_habits_keep_the_shared_effect_with_the_durations():
    """Returns that differ between patients for reasons of their own are not put down to durations."""
    cycles = simulate(3, 60, 4, gamma=-0.8, omega=2.0)
    plain = rr.JointRetreatment(nodes=7).fit(cycles)
    own = rr.JointRetreatment(nodes=5, habits=True).fit(cycles)
    assert abs(abs(own.params["retreatment sd"]) - 2) < 4 * own.bse["retreatment sd"]
    assert abs(own.params["gamma"] + 0.8) < 4 * own.bse["gamma"]
    assert abs(own.params["log(sd)"] - TRUTH[2]) < 4 * own.bse["log(sd)"]
    assert own.llf > plain.llf + 10
    assert own.names[-1] == "retreatment sd"
    assert not own.association().taken_over
    assert own.association().caution == ""
    assert (plain.effects, own.effects) == (1, 2)
    test = rr.likelihood_ratio(own, plain)  # a variance of 0 is on its boundary
    assert test.null == "½χ²₀ + ½χ²₁"
    assert test.p == pytest.approx(stats.chi2.sf(2 * (own.llf - plain.llf), 1) / 2)


@settings(max_examples=5, deadline=None)
@given(st.floats(1e-3, 1e3), st.integers(0, 99))
def test_units_of_time_and_order_of_rows(factor, seed):
    cycles, fit = simulate(1, 80, 3, -1.2), fitted()
    order = np.random.default_rng(seed).permutation(len(cycles))
    frame = cycles.frame.iloc[order].reset_index(drop=True)
    frame["next_weeks"] *= factor
    again = rr.JointRetreatment().fit(rr.Cycles(factor * frame["lower"], factor * frame["upper"], data=frame))
    densities = np.isfinite(fit.retreated).sum()
    assert again.llf == pytest.approx(fit.llf - densities * np.log(factor), abs=1e-5)
    kappa = np.exp(fit.params["retreatment log(shape)"])
    shift = np.array([1, 0, 0, -kappa, 0, 0]) * np.log(factor)
    np.testing.assert_allclose(again.estimate, fit.estimate + shift, atol=1e-3 * fit.bse.max())


def test_column_and_argument_say_the_same():
    cycles, fit = simulate(1, 80, 3, -1.2), fitted()
    frame = cycles.frame
    week = np.where(frame["censoring"] == "retreated", frame["next_weeks"], NAN)
    bare = rr.Cycles(cycles.lower, cycles.upper, patient=cycles.patient)
    np.testing.assert_array_equal(rr.JointRetreatment().fit(bare, retreated=week).estimate, fit.estimate)


# what the fit knows


def test_predictions_are_of_the_duration():
    fit = fitted()
    mean, sigma, sd = fit.params["Intercept"], fit.scale, fit.sd
    weeks = np.array([5.0, 10, 20])
    marginal = stats.norm.sf((np.log(weeks) - mean) / np.hypot(sigma, sd))
    np.testing.assert_allclose(fit.survival(weeks)["estimate"], marginal, rtol=1e-6)
    conditional = stats.norm.sf((np.log(weeks) - mean) / sigma)
    np.testing.assert_allclose(fit.survival(weeks, kind="conditional")["estimate"], conditional, rtol=1e-9)
    median = fit.quantile(0.5).iloc[0]
    assert median["lower"] < np.exp(mean) < median["upper"]


def test_association():
    fit, about = fitted(), fitted().association()
    assert about.retreated == (simulate(1, 80, 3, -1.2).frame["censoring"] == "retreated").sum()
    assert about.likelihood_ratio.statistic == pytest.approx(2 * (fit.llf - fit.llf_unrelated))
    assert about.likelihood_ratio.p < 1e-3
    assert about.wald_p < 1e-3
    row = about.frame().iloc[0]
    assert row["lower"] < -1.2 < row["upper"]
    assert f"{about.retreated} of 240 cycles" in str(about)
    assert "return less often" in str(about)
    assert "γ = 0" in str(fit.summary())
    assert "hazard_ratio" in about._repr_html_()


def test_an_effect_that_returns_have_taken_over_is_no_finding():
    """Durations tell patients apart less than their habits do, and γ is 0."""
    cycles = simulate(3, 60, 4, gamma=0.0, omega=2.0, truth=(2.4, np.log(0.3), np.log(0.2)))
    fit = rr.JointRetreatment(nodes=7).fit(cycles)
    about = fit.association()
    assert about.likelihood_ratio.p < 1e-6  # what must not be read as a finding
    assert about.taken_over
    for text in (str(about), " ".join(str(fit.summary()).split())):
        assert "Warning: gamma is no finding here" in text
        assert f"SD of ln T is {fit.sd:.3f}, and {fit.sd_alone:.3f} from durations alone" in text
        assert "Put what sets returns into `retreatment`, or use habits=True" in text
    assert "hazard ratio" not in str(about)
    assert about.frame()[["sd", "sd_alone"]].iloc[0].tolist() == [fit.sd, fit.sd_alone]


def test_without_habits_a_clear_association_has_a_caution():
    about = fitted().association()
    assert not about.taken_over
    assert str(about).endswith(about.caution)
    assert "Without habits=True" in " ".join(str(fitted().summary()).split())


def test_patients_and_files():
    fit = fitted()
    patients = fit.patients
    assert patients["cycles"].sum() == 240
    assert patients["retreated"].sum() == fit.association().retreated
    truth = np.random.default_rng(1).normal(size=80)
    assert np.corrcoef(patients["mean"], truth)[0, 1] > 0.8
    assert (patients["sd"] < fit.sd).all()
    for again in (pickle.loads(pickle.dumps(fit)), rr.fit_from_json(fit.to_json())):
        pd.testing.assert_frame_equal(again.quantile(0.5), fit.quantile(0.5))
        assert again.association() == fit.association()


def test_its_likelihood_is_not_compared_with_that_of_durations():
    with pytest.raises(rr.InputError, match="is of durations and retreatments"):
        rr.compare_fits({"joint": fitted(), "mixed": rr.MixedAFT().fit(simulate(1, 80, 3, -1.2))})


def test_no_bootstrap_is_said():
    with pytest.raises(rr.InputError, match="cannot draw cycles"):
        fitted().bootstrap(2)


def test_a_table_of_checks():
    table = fitted().diagnose().table
    assert table.loc["gradient at the maximum", "verdict"] == "ok"
    assert table.loc["log-likelihood when nodes are doubled", "verdict"] == "ok"


# bad input


def small(**columns):
    frame = pd.DataFrame({"censoring": ["interval", "retreated", "interval", "interval", "retreated", "interval"]})
    lower, upper = [8, 12, 12, 6, 10, 9], [12, INF, 16, 9, INF, 12]
    return rr.Cycles(lower, upper, patient=list("aaabbb"), data=frame.assign(**columns))


@pytest.mark.parametrize(
    ("cycles", "retreated", "message"),
    [
        (small(), None, "no column `next_weeks`"),
        (small(next_weeks=[12, NAN, 16, 9, 10, 12]), None, r"`next_weeks` is missing .*\(row 1\)"),
        (small(next_weeks=[12, 11.9, 16, 9, 10, 12]), None, r"not before `lower` \(row 1\)"),
        (small(), [1, 2], "has shape"),
        (small(), ["x"] * 6, "must be weeks"),
        (small(), [NAN, INF, NAN, NAN, 10, NAN], r"infinite \(row 1\)"),
        (small(), [12, 12, NAN, NAN, 10, NAN], r"needs a response and `upper` inf \(row 0\)"),
    ],
)
def test_bad_weeks(cycles, retreated, message):
    with pytest.raises(rr.InputError, match=message):
        rr.JointRetreatment().fit(cycles, retreated=retreated)


def test_nothing_to_model():
    with pytest.raises(rr.FitError, match="so there is no such return to model"):
        rr.JointRetreatment().fit(rr.Cycles([8, 12, 4, 9], [12, INF, 8, 14], patient=list("aabb")))
    lower, upper = [8, 12, 16, 8, 12, 16, 12, 12], [12, 16, 20, 12, 16, 20, INF, INF]
    week = [NAN] * 6 + [12, 12]
    with pytest.raises(rr.FitError, match="SD between patients is 0"):
        rr.JointRetreatment().fit(rr.Cycles(lower, upper, patient=list("aaabbbab")), retreated=week)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"family": "normal"}, "`family` must be one of"), ({"nodes": 2}, "`nodes`"), ({"habits": 1}, "`habits`")],
)
def test_bad_specification(options, message):
    with pytest.raises(rr.InputError, match=message):
        rr.JointRetreatment(**options)

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import retreat_research as rr
from retreat_research.durations.likelihood_ratio import chi_square_mixture


def cycles_of(seed=3, patients=40, each=4, between=0.15):
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(patients), each)
    x = rng.normal(size=who.size)
    ln_t = 2.5 + between * rng.normal(size=patients)[who] + 0.23 * rng.normal(size=who.size)
    lower = np.floor(np.exp(ln_t) / 4) * 4
    data = pd.DataFrame({"x": x, "cycle": np.tile(np.arange(each), patients)})
    return rr.Cycles(lower, lower + 4, patient=who, data=data)


@pytest.fixture(scope="module")
def fits():
    cycles = cycles_of()
    return {
        "alone": rr.AFT("x").fit(cycles),
        "mixed": rr.MixedAFT("x").fit(cycles),
        "without x": rr.MixedAFT("1").fit(cycles),
        "slope": rr.MixedAFT("x", slope="cycle").fit(cycles),
    }


def test_half_chi_squares_by_definition():
    """The definition: with probability ½ each χ² with `low` and `low + 1` degrees of freedom."""
    for statistic in (0.5, 2.7, 9.0):
        assert chi_square_mixture(statistic, 0, "").p == pytest.approx(0.5 * stats.chi2.sf(statistic, 1))
        both = 0.5 * (stats.chi2.sf(statistic, 1) + stats.chi2.sf(statistic, 2))
        assert chi_square_mixture(statistic, 1, "").p == pytest.approx(both)
    assert chi_square_mixture(0.0, 0, "").p == 1
    assert chi_square_mixture(-1e-9, 0, "").p == 1


def test_known_distributions(fits):
    found = rr.likelihood_ratio(fits["mixed"], fits["alone"])
    assert (found.statistic, found.p, found.null) == (*_of(fits["mixed"].lr_test()), "½χ²₀ + ½χ²₁")
    assert found.statistic == pytest.approx(2 * (fits["mixed"].llf - fits["alone"].llf))
    slope = rr.likelihood_ratio(fits["slope"], fits["mixed"])
    assert slope.null == "½χ²₁ + ½χ²₂"
    assert slope.statistic == pytest.approx(2 * (fits["slope"].llf - fits["mixed"].llf), abs=1e-6)
    covariate = rr.likelihood_ratio(fits["mixed"], fits["without x"])
    assert covariate.hypothesis == "no effect of x"
    assert covariate.p == pytest.approx(stats.chi2.sf(covariate.statistic, 1))


def _of(test):
    return test.statistic, test.p


def test_resamples_agree_with_the_known_distribution(fits):
    """With 99 resamples from the null: the share above the median of ½χ²₁'s upper half, to 4 standard errors."""
    cycles = cycles_of(seed=8, patients=25, each=3, between=0.0)
    larger, smaller = rr.MixedAFT().fit(cycles), rr.AFT().fit(cycles)
    known = rr.likelihood_ratio(larger, smaller)
    found = rr.likelihood_ratio(larger, smaller, resamples=99, seed=1)
    assert found.statistic == pytest.approx(known.statistic, abs=1e-5)
    assert abs(found.p - known.p) <= 4 * np.sqrt(max(known.p * (1 - known.p), 0.01) / 99) + 1 / 100
    again = rr.likelihood_ratio(larger, smaller, resamples=99, seed=1)
    assert again == found


def test_resamples_find_what_is_there(fits):
    found = rr.likelihood_ratio(fits["slope"], fits["alone"], resamples=19, seed=1)
    assert found.p == pytest.approx(1 / 20)
    assert "19 resamples" in found.null
    assert "<p>" in found._repr_html_()


def test_frailty_or_none():
    cycles = cycles_of(seed=5, between=0.3)
    with_frailty, without = rr.GammaFrailty("x").fit(cycles), rr.GammaFrailty("x", frailty=False).fit(cycles)
    found = rr.likelihood_ratio(with_frailty, without)
    assert found.null == "½χ²₀ + ½χ²₁"
    assert _of(found) == pytest.approx(_of(with_frailty.lr_test()), abs=1e-6)
    weibull = rr.AFT("x", family="weibull").fit(cycles)  # the same model without frailty, under another name
    assert _of(rr.likelihood_ratio(with_frailty, weibull)) == pytest.approx(_of(found), abs=1e-6)


def test_a_recoded_factor_is_the_same_model(fits):
    cycles = cycles_of()
    larger = rr.AFT("C(cycle) + x").fit(cycles)
    found = rr.likelihood_ratio(larger, rr.AFT("cycle").fit(cycles))
    assert found.p == pytest.approx(stats.chi2.sf(found.statistic, 3))


def test_models_that_do_not_contain_each_other_are_refused(fits):
    cycles = cycles_of()
    pairs = [
        (rr.AFT("x", family="flexible", knots=3), rr.AFT("x", family="flexible", knots=2)),
        (rr.GammaFrailty("x", baseline="spline", knots=3), rr.GammaFrailty("x", baseline="spline", knots=2)),
        (rr.MixedAFT("x + cycle", slope="cycle"), rr.MixedAFT("x", slope="x")),
        (rr.AFT("x + cycle"), rr.AFT("C(cycle)")),
        (rr.AFT("x + cycle"), rr.AFT("x", family="weibull")),
    ]
    for larger, smaller in pairs:
        with pytest.raises(rr.InputError, match=r"is not known|must have more parameters"):
            rr.likelihood_ratio(larger.fit(cycles), smaller.fit(cycles))
    with pytest.raises(rr.InputError, match="is not known"):
        rr.likelihood_ratio(pairs[0][0].fit(cycles), pairs[0][1].fit(cycles))


def test_what_cannot_be_compared(fits):
    with pytest.raises(rr.InputError, match="how the statistic of these two models is distributed is not known"):
        rr.likelihood_ratio(fits["slope"], fits["alone"])
    with pytest.raises(rr.InputError, match="not of the same cycles"):
        rr.likelihood_ratio(fits["mixed"], rr.AFT("x").fit(cycles_of(seed=4)))
    with pytest.raises(rr.InputError, match="`larger` must have more parameters"):
        rr.likelihood_ratio(fits["alone"], fits["mixed"])
    with pytest.raises(rr.InputError, match="`resamples` must be 19 or more"):
        rr.likelihood_ratio(fits["mixed"], fits["alone"], resamples=5)


@pytest.mark.parametrize("resamples", [-1, 2.5, "x", None, True, 18])
def test_bad_resamples(golden, resamples):
    fit = rr.AFT().fit(golden)
    with pytest.raises(rr.InputError, match="`resamples` must be "):
        rr.likelihood_ratio(rr.AFT("product").fit(golden), fit, resamples=resamples)


def test_only_fits_with_parameters(golden):
    fit = rr.AFT().fit(golden)
    for other in (rr.Turnbull().fit(golden), None, "x", rr.AFT()):
        with pytest.raises(rr.InputError, match="`smaller` must be a fit of the durations with parameters, not"):
            rr.likelihood_ratio(fit, other)
        with pytest.raises(rr.InputError, match="`larger` must be a fit of the durations with parameters, not"):
            rr.likelihood_ratio(other, fit)


def test_tests_come_back_from_json(fits):
    test = rr.likelihood_ratio(fits["mixed"], fits["alone"])
    assert rr.fit_from_json(test.to_json()) == test

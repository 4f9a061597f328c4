"""Drawn data against their own truth."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from retreat_research.errors import InputError
from retreat_research.studies import SCENARIOS, Scenario, factorial, truths
from retreat_research.studies.drawing import draw
from retreat_research.studies.scenarios import NOISE
from retreat_research.studies.truth import RMST_WEEKS, content, survival

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
LARGE = Scenario(name="large", patients=20_000, cycles=2)


def frame_of(drawn):
    return drawn.cycles.frame.assign(
        weeks=drawn.weeks, offset=drawn.offset[drawn.cycles.patient], known=drawn.cycles.frame["lower"].notna()
    )


def test_the_declared_scenarios_cover_the_factors():
    assert len(SCENARIOS) == len(BY_NAME) == 24
    for name, levels in {
        "every": {1, 2, 4, 6},
        "patients": {30, 100, 500},
        "cycles": {2, 4, 12},
        "family": set(NOISE),
        "returns": {"at loss", "random", "patient", "waning"},
        "between_sd": {0.02, 0.26},
    }.items():
        assert {getattr(scenario, name) for scenario in SCENARIOS} == levels
    assert len({scenario.name for scenario in factorial()}) == 4 * 2 * 9 * 2 * 3 * 4


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_the_interval_holds_the_duration(scenario):
    frame = frame_of(draw(scenario, 5, 0))
    seen = frame[frame["known"]]
    assert (seen["lower"] < seen["weeks"]).all()
    assert (seen["weeks"] <= seen["upper"]).all()
    assert (seen["censoring"] != "unassessed").all()
    assert frame.loc[~frame["known"], "censoring"].isin(["unassessed"]).all()
    assert set(seen.loc[seen["censoring"] == "retreated", "upper"]) <= {np.inf}
    if not scenario.missed:
        both = seen[np.isfinite(seen["upper"])]
        assert (both["upper"] - both["lower"] <= scenario.every * (1 + scenario.jitter) + 1e-12).all()


@pytest.mark.parametrize("family", NOISE)
@pytest.mark.parametrize("between_sd", [0.02, 0.26])
def test_truths_are_those_of_the_drawn_durations(family, between_sd):
    """Patients' cycles are alike, so the standard errors are those of patients' means; within 4 of them."""
    scenario = replace(LARGE, family=family, between_sd=between_sd, name=f"{family} {between_sd}")
    drawn, true = draw(scenario, 1, 0), truths(scenario)
    weeks = drawn.weeks.reshape(scenario.patients, scenario.cycles)

    def close(patients_values, expected):
        error = patients_values.std(ddof=1) / np.sqrt(patients_values.size)
        assert patients_values.mean() == pytest.approx(expected, abs=4 * error)

    for arm in (0, 1):
        own = weeks[drawn.arm == arm]
        close((own > true[f"median, arm {arm}"]).mean(axis=1), 0.5)
        close(np.minimum(own, RMST_WEEKS).mean(axis=1), true[f"RMST, arm {arm}"])
        close(np.log(own).mean(axis=1), true["intercept"] + arm * true["effect"])
    logs = np.log(weeks) - true["intercept"] - true["effect"] * drawn.arm[:, None]
    close((logs**2).mean(axis=1), np.exp(2 * true["log SD total"]))
    close(logs[:, 0] * logs[:, 1], true["SD between"] ** 2)
    close((logs[:, 0] - logs[:, 1]) ** 2 / 2, np.exp(2 * true["log SD within"]))
    close(drawn.offset, 0.0)


def test_normal_truths_have_their_closed_form():
    true, mean, sd = truths(LARGE), LARGE.intercept, np.hypot(LARGE.within_sd, LARGE.between_sd)
    assert true["median, arm 0"] == pytest.approx(14, rel=1e-12)
    assert true["conditional median"] == pytest.approx(14, rel=1e-12)
    a = (np.log(RMST_WEEKS) - mean) / sd
    closed = np.exp(mean + sd**2 / 2) * stats.norm.cdf(a - sd) + RMST_WEEKS * stats.norm.sf(a)
    assert true["RMST, arm 0"] == pytest.approx(closed, rel=1e-10)


@pytest.mark.parametrize("family", ["weibull", "loglogistic"])
def test_other_truths_equal_adaptive_quadrature(family):
    scenario = replace(LARGE, family=family)
    true, s = truths(scenario), scenario

    def lasts(weeks):
        def part(b):
            z = (np.log(weeks) - s.intercept - b) / s.within_sd
            return NOISE[family].sf(z) * stats.norm.pdf(b, scale=s.between_sd)

        return integrate.quad(part, -9 * s.between_sd, 9 * s.between_sd, epsabs=1e-12, limit=200)[0]

    assert lasts(true["median, arm 0"]) == pytest.approx(0.5, abs=1e-9)
    mean = integrate.quad(lasts, 0, RMST_WEEKS, epsabs=1e-8, limit=200)[0]
    assert true["RMST, arm 0"] == pytest.approx(mean, abs=1e-7)
    assert survival(scenario, s.intercept, np.array([9.0]))[0] == pytest.approx(lasts(9.0), abs=1e-9)


def test_noise_is_standardised():
    for noise in NOISE.values():
        assert noise.mean() == pytest.approx(0, abs=1e-12)
        assert noise.std() == pytest.approx(1)


def test_content_is_the_share_of_next_cycles_inside():
    drawn = draw(replace(LARGE, cycles=1, family="weibull"), 2, 0)
    location = LARGE.intercept + LARGE.effect * drawn.arm
    inside = content(drawn.scenario, location, drawn.offset, np.full(20_000, 10.0), np.full(20_000, 15.0))
    found = (drawn.weeks > 10) & (drawn.weeks <= 15)
    error = (found - inside).std(ddof=1) / np.sqrt(20_000)
    assert (found - inside).mean() == pytest.approx(0, abs=4 * error)
    assert content(drawn.scenario, 1.0, 0.0, np.array([0.0]), np.array([np.inf])) == pytest.approx(1)


def drawn_with(returns):
    return frame_of(draw(replace(LARGE, returns=returns, calendar_weeks=1000.0, name=returns), 3, 0))


@pytest.mark.parametrize(
    ("returns", "on_patient", "on_cycle"), [("random", False, False), ("patient", True, False), ("waning", True, True)]
)
def test_what_an_early_return_depends_on(returns, on_patient, on_cycle):
    """Of the cycles of arm 0 that outlast week 14, those cut before it against the rest: their b, and T given b."""
    frame = drawn_with(returns)
    lasting = frame[(frame["weeks"] > 14) & (frame["arm"] == 0)]
    cut = (lasting["censoring"] == "retreated") & (lasting["lower"] < 14)
    location = LARGE.intercept + lasting["offset"]
    expected = stats.truncnorm.mean((np.log(14) - location) / LARGE.within_sd, np.inf)
    given_patient = (np.log(lasting["weeks"]) - location) / LARGE.within_sd - expected
    for values, depends in ((lasting["offset"], on_patient), (given_patient, on_cycle)):
        inside, outside = values[cut], values[~cut]
        error = np.hypot(inside.std() / np.sqrt(len(inside)), outside.std() / np.sqrt(len(outside)))
        z = abs(inside.mean() - outside.mean()) / error
        assert z > 8 if depends else z < 4


def test_how_many_cycles_are_retreated_early():
    """P(C < T) for normal ln C and ln T, and the declared share; a visit may see the loss first only after it."""
    shift, sd, within, between = 0.15, 0.15, LARGE.within_sd, LARGE.between_sd
    shares = {
        "random": stats.norm.cdf(-shift / np.sqrt(sd**2 + within**2 + 2 * between**2)),
        "patient": stats.norm.cdf(-shift / np.hypot(sd, within)),
        "waning": 0.4,
    }
    for returns, share in shares.items():
        retreated = (drawn_with(returns)["censoring"] == "retreated").to_numpy().reshape(LARGE.patients, -1)
        error = retreated.mean(axis=1).std(ddof=1) / np.sqrt(LARGE.patients)
        assert retreated.mean() == pytest.approx(share, abs=4 * error), returns


def test_records_that_end_in_calendar_time_hold_more_cycles_of_short_durations():
    drawn = draw(replace(BY_NAME["records end at 52 wk"], patients=2000), 1, 0)
    counts = np.bincount(drawn.cycles.patient, minlength=2000)
    assert counts.min() >= 1
    assert np.corrcoef(counts, drawn.offset)[0, 1] < -0.5
    frame = drawn.cycles.frame
    length = frame["upper"].where(np.isfinite(frame["upper"]), frame["lower"]).fillna(0)
    assert length.groupby(frame["patient"]).sum().max() <= 52


def test_visits_are_missed_and_jittered_as_often_as_declared():
    loose = draw(replace(LARGE, every=4.0, jitter=0.5, missed=0.3, name="loose"), 1, 0).cycles.frame
    both = loose[(loose["lower"] > 0) & np.isfinite(loose["upper"])]
    gaps = (both["upper"] - both["lower"]).to_numpy()
    assert 2.0 - 1e-9 <= gaps.min() < 3.0
    long = (gaps > 6.0 + 1e-9).mean()  # two visits or more apart: at least one missed, more likely in a long gap
    assert 0.3 < long < 0.6
    planned = draw(replace(LARGE, every=4.0, name="planned"), 1, 0).cycles.frame
    assert (planned["upper"][np.isfinite(planned["upper"])] % 4 == 0).all()


def test_data_depend_on_seed_scenario_and_replicate_only():
    base = BY_NAME["base"]
    first = draw(base, 1, 7).cycles.frame
    draw(base, 1, 8)
    assert draw(base, 1, 7).cycles.frame.equals(first)
    for other in (draw(base, 2, 7), draw(base, 1, 8), draw(replace(base, name="other"), 1, 7)):
        assert not other.cycles.frame.equals(first)
    fewer = draw(replace(base, patients=40), 1, 7)  # a patient is the same in any company
    np.testing.assert_array_equal(fewer.offset, draw(base, 1, 7).offset[:40])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"family": "gamma"}, "`family` must be one of"),
        ({"returns": "never"}, "`returns` must be one of"),
        ({"every": 0}, "`every` must lie between"),
        ({"missed": 1.0}, r"must lie in \[0, 1\)"),
        ({"patients": 1}, "`patients` must be 2 or more"),
        ({"within_sd": 0}, "`within_sd` must be positive"),
        ({"name": " "}, "needs a `name`"),
    ],
)
def test_a_scenario_that_cannot_be_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        Scenario(**{"name": "x", **wrong})

"""Response curves for teaching."""

import numpy as np
import pytest
from scipy import optimize

import retreat_research as rr

ONA = "onabotulinumtoxinA"
WORLD = rr.World.default("glabellar")


def effect_at(week, *args, **options):
    return rr.response_curve(*args, weeks=[week], **options)["effect"].iloc[0]


def test_the_label_dose_is_the_default():
    curve = rr.response_curve()
    assert (curve["units"].unique().tolist(), curve["product"].unique().tolist()) == ([20], [ONA])
    assert curve.equals(rr.response_curve(20, ONA, 0, indication="glabellar"))
    assert curve["week"].to_numpy()[[0, 1, -1]] == pytest.approx([0, 1 / 7, 40])
    assert (curve["duration_weeks"] == WORLD.median_weeks).all()


def test_the_equations_by_hand():
    """10 U at titre 1: half is neutralised, r = 1/4 label dose."""
    curve = rr.response_curve(10, ONA, 1.0, weeks=[0, 2, 8])
    own = 17 * 0.25 / 0.5 * 1.25
    peak = 1.05 * 0.25 / 0.3
    t = np.array([0, 2, 8])
    by_hand = peak * (1 - np.exp(-t / 0.3)) / (1 + 4 * (t / own) ** 3)
    assert curve["effect"].to_numpy() == pytest.approx(by_hand, rel=1e-9)
    assert curve["severity"].to_numpy() == pytest.approx(3 - 2 * by_hand, rel=1e-9)
    assert curve["duration_weeks"].to_numpy() == pytest.approx(own * ((peak / 0.2 - 1) / 4) ** (1 / 3), rel=1e-12)


@pytest.mark.parametrize("options", [{}, {"log_offset": 0.3}, {"titre": 2.0}, {"units": 5, "product": ONA}])
@pytest.mark.parametrize("support", [0.0, 0.1])
def test_the_effect_is_at_the_threshold_when_the_duration_says(options, support):
    world = WORLD.replace(adjunct_support=support, adjunct_lengthening=1.2)
    curve = rr.response_curve(**options, world=world, adjunct=True)
    duration = curve["duration_weeks"].iloc[0]
    assert 5 < duration < 40
    assert effect_at(duration, **options, world=world, adjunct=True) == pytest.approx(0.2, abs=1e-7)


@pytest.mark.parametrize("hill", [2.5, 4.0])
def test_one_curve_gives_every_endpoints_duration(hill):
    """ln 4/ln(T80/T50) = h, DESIGN §6: the weeks to loss of 80% and of 50% of the benefit."""
    world = WORLD.replace(curve_hill=hill)
    t80, t50 = (optimize.brentq(lambda t, y=y: effect_at(t, world=world) - y, 7, 40, xtol=1e-12) for y in (0.2, 0.5))
    assert t80 == pytest.approx(17, abs=1e-6)
    assert np.log(4) / np.log(t80 / t50) == pytest.approx(hill, abs=1e-5)


def test_it_is_the_curve_of_the_simulator():
    world = WORLD.replace(within_sd=0.0, non_response=0.0, susceptible_share=0.0)
    cohort = rr.draw_cohort(5, world=world)
    sessions = rr.simulate(cohort, rr.Fixed(40), years=0.5, history=True).sessions
    for row, offset in enumerate(cohort.log_offset):
        curve = rr.response_curve(world=world, log_offset=offset)
        assert curve["duration_weeks"].iloc[0] == pytest.approx(sessions["duration_weeks"].iloc[row], rel=1e-12)


def test_families_are_long_tables():
    family = rr.response_curve([10, 20], ONA, titre=[0, 1, 3], weeks=[4, 8])
    assert len(family) == 2 * 3 * 2
    assert family.groupby(["units", "titre"]).size().tolist() == [2] * 6
    one = rr.response_curve(20, ONA, 3, weeks=[4, 8])
    part = family[(family["units"] == 20) & (family["titre"] == 3)].reset_index(drop=True)
    assert part.equals(one)


def test_more_dose_and_less_antibody_do_more():
    doses = rr.response_curve(20 * np.array([0.1, 0.5, 1, 2, 4]), ONA).groupby("units")
    assert doses["effect"].max().is_monotonic_increasing
    assert doses["duration_weeks"].first().is_monotonic_increasing
    titres = rr.response_curve(titre=[0, 0.5, 1, 2, 4, 8, 10]).groupby("titre")
    assert titres["effect"].max().is_monotonic_decreasing
    assert titres["duration_weeks"].first().is_monotonic_decreasing


@pytest.mark.parametrize(
    "arguments",
    [{"titre": 10.01}, {"product": "placebo"}, {"product": "placebo", "units": 20}, {"product": ONA, "units": 0}],
)
def test_without_a_response_nothing_happens(arguments):
    curve = rr.response_curve(**arguments)
    assert (curve["effect"] == 0).all()
    assert (curve["severity"] == 3).all()
    assert (curve["duration_weeks"] == 0).all()


def test_an_adjunct_supports_without_a_response():
    curve = rr.response_curve(product="placebo", world=WORLD.replace(adjunct_support=0.1), adjunct=True)
    assert (curve["effect"] == 0.1).all()
    assert (curve["duration_weeks"] == 0).all()


def test_severity_is_a_share_unless_a_scale_is_known_or_given():
    share = rr.response_curve(1000, "abobotulinumtoxinA", indication="cervical")
    assert share["severity"].to_numpy() == pytest.approx(np.maximum(1 - share["effect"], 0))
    assert (share["severity"].min(), share["effect"].max() > 1) == (0, True)
    points = rr.response_curve(indication="cervical", baseline=46, benefit=20)
    assert points["severity"].to_numpy() == pytest.approx(46 - 20 * points["effect"])
    scales = [frame.attrs["scale"].split()[0] for frame in (share, points, rr.response_curve())]
    assert scales == ["share", "as", "Facial"]


def test_the_endpoint_is_named():
    curve = rr.response_curve(world=WORLD.replace(threshold=0.5))
    assert (curve["threshold"] == 0.5).all()
    assert curve.attrs["endpoint"] == "loss of 50% of the full benefit of the label dose"
    assert curve.attrs["indication"] == "glabellar lines"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": 20}, "^`units` without a product: units of different products are not interchangeable"),
        ({"product": "botulin"}, "unknown product"),
        ({"product": [ONA, "placebo"]}, "`product` must be one name"),
        ({"product": "abobotulinumtoxin"}, "did you mean abobotulinumtoxinA"),
        ({"units": 20, "product": "botox"}, "unknown product; did you mean onabotulinumtoxinA"),
        ({"units": True, "product": ONA}, "`units` must be numbers, not True or False"),
        ({"units": [20, -1, 20, -2], "product": ONA}, r"`units` must not be negative \(rows 1, 3\)"),
        ({"units": [20, np.nan], "product": ONA}, r"`units` must be finite \(row 1\)"),
        ({"units": np.inf, "product": ONA}, r"`units` must be finite"),
        ({"units": ["x"], "product": ONA}, r"`units` must be numbers \(row 0\)"),
        ({"units": [], "product": ONA}, "`units` must be a number or a sequence"),
        ({"titre": -0.1}, "`titre` must not be negative"),
        ({"titre": [0, np.nan]}, r"`titre` must be finite \(row 1\)"),
        ({"weeks": [0, -1]}, r"`weeks` must not be negative \(row 1\)"),
        ({"weeks": [np.nan]}, r"`weeks` must be finite"),
        ({"weeks": 26}, "`weeks` must be a sequence of weeks"),
        ({"log_offset": np.nan}, "`log_offset` must be one finite number"),
        ({"log_offset": [0, 1]}, "`log_offset` must be one finite number"),
        ({"adjunct": "yes"}, "`adjunct` must be True or False"),
        ({"baseline": 3}, "both `baseline` and `benefit`"),
        ({"baseline": 3, "benefit": 0}, "`benefit` must be a positive number"),
        ({"indication": "glabellar", "world": WORLD}, "either `indication` or `world`"),
        ({"world": "glabellar"}, "`world` must be a World"),
        ({"indication": "toe"}, "unknown indication"),
        ({"product": "rimabotulinumtoxinB"}, "no default world for rimabotulinumtoxinB in glabellar lines"),
        ({"product": "rimabotulinumtoxinB", "world": WORLD}, "this world knows no duration of rimabotulinumtoxinB"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(rr.InputError, match=message):
        rr.response_curve(**arguments)


def test_a_product_without_a_label_dose_here_is_refused():
    world = WORLD.replace(median_weeks={ONA: 17.0, "rimabotulinumtoxinB": 10.0})
    with pytest.raises(rr.InputError, match="rimabotulinumtoxinB has no label dose for glabellar lines"):
        rr.response_curve(product="rimabotulinumtoxinB", world=world)

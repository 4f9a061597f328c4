"""Worlds: defaults by indication, replacement, description, and worlds from fits."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.evidence import LogNormal, Uniform
from retreat_research.response import effect_of, onset_share_of
from retreat_research.simulation.identity import digest_of
from retreat_research.world.medians import MEDIANS

WORLD = rr.World.default("glabellar")
ONA = "onabotulinumtoxinA"
ALL = [(indication, product) for indication, medians in MEDIANS.items() for product in medians]


# Defaults


@pytest.mark.parametrize(("indication", "product"), ALL)
def test_a_default_world_has_its_median_and_its_label_dose(indication, product):
    world = rr.World.default(indication, product)
    assert world.median_weeks == pytest.approx(MEDIANS[indication][product].value)
    assert world.label_units == rr.products().loc[product, indication]


def test_the_glabellar_defaults_are_what_studies_were_run_with():
    assert dict(WORLD.response.median_weeks) == {
        ONA: 17.0,
        "abobotulinumtoxinA": 22.0,
        "incobotulinumtoxinA": 17.0,
        "daxibotulinumtoxinA": 22.0,
        "letibotulinumtoxinA": 17.0,
        "prabotulinumtoxinA": 17.0,
        "relabotulinumtoxinA": 22.0,
    }
    table = WORLD.describe().query("product == ''").set_index("parameter")["value"]
    known = {
        "between_sd": 0.26, "within_sd": 0.23, "dose_half": 0.25, "amplitude_half": 0.05, "curve_hill": 3.0,
        "onset_weeks": 0.3, "threshold": 0.2, "non_response": 0.1, "susceptible_share": 0.43, "induction_rate": 0.013,
        "half_titre": 1.0, "long_half_life_days": 830.0, "rater_sd": 0.15, "specificity": 0.99,
        "dropout_per_year": 0.05,
    }  # fmt: skip
    assert table[list(known)].to_dict() == known


@pytest.mark.parametrize(("indication", "product"), ALL)
def test_a_median_lies_in_the_middle_of_its_prior(indication, product):
    known = MEDIANS[indication][product]
    low, high = known.prior.quantile([0.25, 0.75])
    assert low < known.value < high


@pytest.mark.parametrize(("indication", "product"), ALL)
def test_the_check_sees_most_of_the_largest_effect(indication, product):
    """Ratings peak about week 4 on wrinkles, at 2 to 4 in dystonia (durations.csv D097): the curve is flat there."""
    world = rr.World.default(indication, product)
    r, weeks = world.response, np.linspace(0.1, 20, 2000)

    def at(t):
        own = np.log(r.median_weeks[product])
        return effect_of(np.log(t), 1.0, own, onset_share_of(t, r.onset_weeks), r.threshold, r.curve_hill)

    curve = at(weeks)
    assert weeks[curve.argmax()] < 4
    assert at(np.array([2.0])) > 0.95 * curve.max()
    assert at(np.array([world.observation.check_week])) > 0.85 * curve.max()


def test_a_true_median_lies_below_the_published_one():
    """Visits lengthen a published median; the published 95 days are of cervical dystonia."""
    weeks = rr.evidence("kinetics").set_index("quantity").loc["duration_ona_CD", "number"] / 7
    assert 0.9 * weeks < rr.World.default("cervical dystonia").median_weeks < weeks


def test_a_world_without_a_default_says_which_there_are():
    with pytest.raises(
        rr.InputError, match="no default world for rimabotulinumtoxinB in glabellar lines; there is one"
    ):
        rr.World.default("glabellar", "rimabotulinumtoxinB")


# Replacement


def test_a_number_is_found_in_its_sub_model_and_nothing_else_changes():
    changed = WORLD.replace(within_sd=0.1, booster=2.0, no_show=0.1, test_every=0, label_units=30)
    before, after = (w.describe().set_index(["parameter", "product"])["value"] for w in (WORLD, changed))
    differ = before.index[(before != after) & ~(before.isna() & after.isna())]
    assert {name for name, _ in differ} == {"within_sd", "booster", "no_show", "test_every"}
    assert (changed.label_units, WORLD.label_units) == (30, 20)


def test_all_unknown_names_are_named_with_the_nearest():
    with pytest.raises(rr.InputError) as error:
        WORLD.replace(witin_sd=0.1, bosters=1, zzz=0)
    assert str(error.value) == (
        "no parameter is called `bosters`, did you mean booster?; no parameter is called `witin_sd`, did you mean "
        "within_sd?; no parameter is called `zzz`"
    )


def test_a_whole_sub_model_and_one_of_its_numbers():
    response = WORLD.replace(between_sd=0.5).response
    changed = WORLD.replace(response=response, within_sd=0.1)
    assert (changed.response.between_sd, changed.response.within_sd) == (0.5, 0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"response": None}, "`response` must be of class Response"),
        ({"response": None, "within_sd": 0.1}, "`response` must be of class Response"),
        ({"behaviour": WORLD.response}, "`behaviour` must be of class Behaviour"),
        ({"indication": "zzz"}, "unknown indication"),
        ({"indication": None}, "`indication` must be a name; known are glabellar lines"),
        ({"product": None}, "units need a product"),
        ({"product": "Botox"}, "unknown product; did you mean onabotulinumtoxinA"),
    ],
)
def test_what_no_world_can_have_is_refused(changes, message):
    with pytest.raises(rr.InputError, match=message):
        WORLD.replace(**changes)


def test_the_beginning_of_an_indication_is_completed():
    world = WORLD.replace(indication="Cerv")
    assert world.indication == "cervical dystonia"
    assert world == WORLD.replace(indication="cervical dystonia")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), "`indication` must be a name"),
        ((3,), "`indication` must be a name"),
        (("glabellar", None), "units need a product"),
        (("glabellar", "dysport"), "unknown product; did you mean abobotulinumtoxinA"),
        (("glabellar", "placebo"), "no default world for placebo in glabellar lines"),
    ],
)
def test_no_default_world_of_what_is_not_there(arguments, message):
    with pytest.raises(rr.InputError, match=message):
        rr.World.default(*arguments)


# A world stays as it is


@pytest.mark.parametrize(("part", "name"), [("response", "median_weeks"), ("immunity", "ng_per_unit"),
                                            ("immunity", "complexing")])  # fmt: skip
def test_no_mapping_of_a_world_can_be_changed(part, name):
    mapping = getattr(getattr(WORLD, part), name)
    before = dict(mapping)
    with pytest.raises(TypeError):
        mapping[ONA] = 30.0
    fresh = getattr(getattr(rr.World.default("glabellar"), part), name)
    assert fresh == before


def test_priors_cannot_be_changed_and_what_was_given_is_copied():
    medians, priors = {ONA: 15.0}, {"within_sd": Uniform(0.1, 0.2)}
    world = WORLD.replace(median_weeks=medians, priors=priors)
    medians[ONA], priors["within_sd"] = 77.0, None
    assert world.median_weeks == pytest.approx(15)
    assert world.priors["within_sd"] == Uniform(0.1, 0.2)
    with pytest.raises(TypeError):
        world.priors["within_sd"] = None


@pytest.mark.parametrize("passed_on", [lambda w: pickle.loads(pickle.dumps(w)), copy.copy, copy.deepcopy])
@pytest.mark.parametrize("world", [WORLD, WORLD.replace(within_sd=0.1, ng_per_unit={ONA: float("nan")}),
                                   WORLD.replace(priors={"within_sd": Uniform(0.1, 0.2)})])  # fmt: skip
def test_a_world_is_the_same_in_another_process(world, passed_on):
    there = passed_on(world)
    assert there == world
    assert (hash(there), digest_of(there), there.draws(2)) == (hash(world), digest_of(world), world.draws(2))
    assert {world, there} == {world}
    assert there != WORLD.replace(within_sd=0.2)


def test_neither_the_order_of_a_mapping_nor_the_kind_of_a_number_makes_another_world():
    loads = dict(WORLD.immunity.ng_per_unit)
    turned = WORLD.replace(ng_per_unit=dict(reversed(loads.items())), label_units=np.int64(20))
    same = WORLD.replace(ng_per_unit=loads)
    assert list(turned.immunity.ng_per_unit) != list(loads)
    assert (turned, hash(turned), digest_of(turned)) == (same, hash(same), digest_of(same))
    assert digest_of(WORLD.replace(curve_hill=2)) == digest_of(WORLD.replace(curve_hill=np.float32(2)))


def test_what_a_world_shows_is_short_and_says_what_was_set():
    assert repr(WORLD) == "<World: glabellar lines, onabotulinumtoxinA, label dose 20 U>"
    changed = WORLD.replace(within_sd=0.1, median_weeks={ONA: 15.5}, label_units=30)
    assert repr(changed) == (
        "<World: glabellar lines, onabotulinumtoxinA, label dose 30 U (set in this world), "
        "median_weeks[onabotulinumtoxinA] = 15.5, within_sd = 0.1>"
    )
    many = WORLD.draws(1)[0]
    assert repr(many).endswith(" more numbers set>")
    assert len(repr(many)) < 400


# Description


def test_the_description_has_one_row_for_each_number():
    table = WORLD.describe()
    assert list(table.columns) == ["part", "parameter", "product", "value", "unit", "prior", "meaning", "source"]
    assert not table.duplicated(["parameter", "product"]).any()
    assert table["value"].dtype == float
    assert table.groupby("part").size().min() >= 14
    assert set(table.loc[table["parameter"] == "median_weeks", "product"]) == set(WORLD.response.median_weeks)
    assert set(table.loc[table["parameter"] == "ng_per_unit", "product"]) == set(rr.products().index)
    ona = table.set_index(["parameter", "product"]).loc[("median_weeks", ONA)]
    assert (ona["value"], ona["unit"], ona["prior"]) == (17.0, "weeks", "LogN(ln 17, 0.06)")


def test_each_product_shows_its_own_source():
    source = WORLD.describe().set_index(["parameter", "product"])["source"]
    assert source["ng_per_unit", ONA] == "products.csv Botox/neurotoxin_150kDa"
    assert source["ng_per_unit", "abobotulinumtoxinA"] == "products.csv Dysport/neurotoxin_150kDa"
    assert source["ng_per_unit", "daxibotulinumtoxinA"] == "none published"
    assert "D156" in source["median_weeks", ONA]


def test_another_value_does_not_borrow_the_source_of_the_default():
    table = WORLD.replace(within_sd=0.1, median_weeks={ONA: 15.0}).describe().set_index("parameter")
    assert table.loc["within_sd", ["value", "prior", "source"]].tolist() == [0.1, "", "set in this world"]
    assert table.loc["median_weeks", ["value", "prior", "source"]].tolist() == [15.0, "", "set in this world"]
    assert table.loc["between_sd", "source"].startswith("durations.csv D151")
    given = WORLD.replace(priors={"within_sd": Uniform(0.1, 0.2)}).describe().set_index("parameter")
    assert given.loc["within_sd", "prior"] == "U(0.1, 0.2)"


def test_a_notebook_shows_the_world_as_a_table():
    html = rr.World.default("crow")._repr_html_()
    assert "World: crow&#x27;s feet, onabotulinumtoxinA, label dose 24 U" in html
    assert html.count("<tr") == len(rr.World.default("crow").describe()) + 1
    assert "not published" in html


# From fits


@pytest.fixture(scope="module")
def cycles():
    rng = np.random.default_rng(1)
    patient = np.repeat(np.arange(150), 4)
    weeks = np.exp(np.log(15) + 0.25 * rng.normal(size=150)[patient] + 0.2 * rng.normal(size=600))
    lower = np.floor(weeks / 2) * 2
    return rr.Cycles(lower, lower + 2, patient=patient, data=pd.DataFrame({"arm": "a"}, index=range(600)))


@pytest.mark.parametrize("model", [rr.AFT, rr.MixedAFT])
def test_a_world_from_a_fit_has_its_median_and_draws_it_from_its_standard_error(model, cycles):
    fit = model("1", family="lognormal").fit(cycles)
    world = rr.World.from_fit(fit, indication="crow", product=ONA, units=24, non_response=0.12)
    row = fit.quantile(0.5).iloc[0]
    assert world.median_weeks == pytest.approx(row["estimate"])
    assert world.priors["median_weeks"] == LogNormal(row["estimate"], row["se"] / row["estimate"])
    total = np.hypot(getattr(fit, "sd", 0.0), fit.scale)
    assert np.hypot(world.response.between_sd, world.response.within_sd) == pytest.approx(total)
    drawn = world.draws(400, seed=3)
    for name in ("between_sd", "within_sd", "non_response"):
        assert {getattr(w.response, name) for w in drawn} == {getattr(world.response, name)}
    logs = np.log([w.median_weeks for w in drawn])
    spread = world.priors["median_weeks"].sd
    assert abs(logs.mean() - np.log(world.median_weeks)) < 4 * spread / 20
    assert abs(logs.std() / spread - 1) < 4 / np.sqrt(2 * 400)
    sources = world.describe().set_index("parameter")["source"]
    assert sources["median_weeks"] == "set in this world"
    assert sources["frailty_sd"].startswith("assumed")


def test_a_fit_for_a_product_without_a_default_is_a_world_too(cycles):
    fit = rr.AFT("1", family="lognormal").fit(cycles)
    world = rr.World.from_fit(
        fit, indication="blepharospasm", product="letibotulinumtoxinA", units=20, non_response=0.1
    )
    row = world.describe().set_index("parameter").loc["median_weeks"]
    assert row["source"] == "set in this world"
    assert row["prior"].startswith("LogN(ln 1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": "24"}, "`units` must be a number from"),
        ({"units": True}, "`units` must be a number from"),
        ({"units": float("nan")}, "`units` must be a number from"),
        ({"non_response": 2}, "`non_response` must be a number from 0 to"),
        ({"non_response": None}, "`non_response` must be a number from 0 to"),
        ({"between_share": 1.5}, "`between_share` must be a number from 0 to 1"),
        ({"between_share": "half"}, "`between_share` must be a number from 0 to 1"),
        ({"newdata": {"units": [20]}}, "`newdata` must be a DataFrame"),
        ({"newdata": pd.DataFrame({"units": [20, 40]})}, "`newdata` must have one row"),
        ({"product": "Botox"}, "unknown product; did you mean onabotulinumtoxinA"),
        ({"indication": 3}, "`indication` must be a name"),
        ({"fit": 3}, "`fit` must be a fitted model, of AFT or MixedAFT"),
        ({"fit": "turnbull"}, "`fit` must be a fitted model, of AFT or MixedAFT"),
        ({"fit": "weibull"}, "a world needs a log-normal model; this one is weibull"),
    ],
)
def test_what_no_world_can_be_made_of_is_refused(changes, message, cycles):
    fits = {"turnbull": rr.Turnbull(), "weibull": rr.AFT("1", family="weibull"), "": rr.AFT("1", family="lognormal")}
    fit = changes.get("fit", "")
    known = {"indication": "crow", "product": ONA, "units": 24, "non_response": 0.1}
    with pytest.raises(rr.InputError, match=message):
        rr.World.from_fit(**{**known, **changes, "fit": fits[fit].fit(cycles) if fit in fits else fit})


def test_a_mapping_may_be_emptied():
    assert rr.World.default("glabellar").replace(complexing={}).immunity.complexing == {}


def test_one_prior_for_several_products_must_name_each():
    with pytest.raises(rr.InputError, match="7 products the same prior; name each: median_weeks"):
        rr.World.default("glabellar").replace(priors={"median_weeks": LogNormal(15, 0.1)})

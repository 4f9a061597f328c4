"""Sweep, draws, value of information, dominance, Sobol indices and tornado, where the truth is known."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

import retreat_research as rr
from retreat_research.comparison import drawing
from retreat_research.comparison.drawing import uncertain, worlds_of
from retreat_research.comparison.groups import GROUPS, OTHER, group_of, grouped, in_use
from retreat_research.comparison.information import Information, features, fitted
from retreat_research.comparison.pareto import pareto_front
from retreat_research.comparison.sobol import indices, sobol
from retreat_research.comparison.sweeping import Sweep, sweep_worlds, swept_gains
from retreat_research.comparison.tornado import tornado
from retreat_research.comparison.uncertainty import Uncertainty
from retreat_research.products import INDICATIONS

COHORT = rr.draw_cohort(300, indication="glabellar", seed=3)
RULES = {"fixed 12": rr.Fixed(12), "early": rr.Stepped(early=True), "personal": rr.Personal().prepared(COHORT.world)}


def made(worth, mcse=0.0, parameters=None):
    """An Uncertainty with these times in benefit (draws × strategies)."""
    n, k = worth.shape
    names = [f"s{j}" for j in range(k)]
    index = pd.MultiIndex.from_product([range(n), names], names=["draw", "strategy"])
    values = pd.DataFrame(
        {"time_in_benefit": worth.ravel(), "responsiveness": 0.5, "antigen": 1.0, "antibodies": 0.1}, index
    )
    about = {"draw": np.repeat(range(n), k), "strategy": names * n, "equal": "antigen", "matched_weeks": 12.0}
    gains = pd.DataFrame({**about, "gain": worth.ravel(), "mcse": mcse})
    table = pd.DataFrame({"x": np.arange(n)} if parameters is None else parameters)
    return Uncertainty(table, values, pd.DataFrame(mcse, index, values.columns), gains)


def test_parameter_and_monte_carlo_variance_are_told_apart():
    rng = np.random.default_rng(1)
    truth = rng.normal(0.8, 0.03, 4000)
    noisy = truth + rng.normal(0, 0.04, 4000)
    row = made(noisy[:, None], mcse=0.04).intervals().loc[("s0", "time_in_benefit")]
    # SE of a variance: V √(2/n)
    assert row["parameter_sd"] ** 2 == pytest.approx(0.03**2, abs=4 * 0.05**2 * np.sqrt(2 / 4000))
    assert row["mcse"] == pytest.approx(0.04)
    low, high = norm.interval(0.95, 0.8, 0.05)
    assert (row["lower"], row["upper"]) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


def test_the_acceptability_of_a_toy():
    worth = np.array([[0.9, 0.8], [0.9, 0.8], [0.7, 0.8], [0.8, 0.8]])
    table = made(worth).acceptability((0.0, 1.0))
    assert table.loc[0.0].tolist() == [2.5 / 4, 1.5 / 4]
    assert table.loc[1.0].tolist() == [0.5, 0.5]
    with pytest.raises(rr.InputError, match="`weight` must be a number from 0 to 1"):
        made(worth).acceptability((1.5,))


def test_an_oracle_is_no_choice():
    found = made(np.array([[0.9, 0.8, 1.0], [0.7, 0.8, 1.0]]))
    with_oracle = Uncertainty(found.parameters, found.values, found.mcse, found.gains, ("s2",))
    assert with_oracle.acceptability((0.0,)).loc[0.0].to_dict() == {"s0": 0.5, "s1": 0.5}
    assert with_oracle.pareto().index.tolist() == ["s0", "s1"]
    assert "s2" in with_oracle.intervals().index.get_level_values("strategy")
    assert with_oracle.information((0.0,))["value"].iloc[0] == pytest.approx(0.05)
    cohort = COHORT[:60]
    assert uncertain({"a": rr.Fixed(12), "o": rr.Foresight()}, cohort, 2, years=2).oracles == ("o",)


def test_the_value_of_information_in_closed_form():
    """Two strategies, difference N(0, s²): EVPI = s/√(2π); of x with share r² of the variance, r times that."""
    rng = np.random.default_rng(2)
    n, s, r = 4000, 0.05, 0.8
    x, rest = rng.normal(size=(2, n))
    worth = pd.DataFrame({"a": np.zeros(n), "b": s * (r * x + np.sqrt(1 - r**2) * rest)})
    parameters = pd.DataFrame({"within_sd": x, "rater_sd": rng.normal(size=n)})
    table = Information(worth, parameters).table().set_index("group")
    full = s / np.sqrt(2 * np.pi)
    assert table.loc["everything", "value"] == pytest.approx(full, abs=4 * table.loc["everything", "se"] + 0.001)
    within = table.loc["spread within patients"]
    assert within["value"] == pytest.approx(r * full, abs=4 * within["se"] + 0.001)
    assert table.loc["observation", "value"] < 0.1 * full


def test_a_parameter_of_two_values_can_explain_everything():
    x = np.tile([0.1, 0.35], 50)
    worth = pd.DataFrame({"a": np.zeros(100), "b": np.where(x > 0.2, 0.02, -0.02)})
    table = Information(worth, pd.DataFrame({"within_sd": x})).table().set_index("group")["value"]
    assert table["everything"] == pytest.approx(0.01)
    assert table["spread within patients"] == pytest.approx(0.01, rel=0.01)


def test_without_a_load_the_value_of_a_smooth_effect_is_known():
    found = made(np.array([[0.9, 0.8], [0.7, 0.8]]))
    found.values["responsiveness"] = np.nan
    assert found.acceptability((0.0,)).loc[0.0].tolist() == [0.5, 0.5]


def test_ridge_leaves_the_mean_where_nothing_explains():
    rng = np.random.default_rng(3)
    y = rng.normal(size=(300, 1))
    out = fitted(features(rng.normal(size=(300, 4))), y)
    assert out.std() < 0.25 * y.std()
    assert out.mean() == pytest.approx(y.mean())


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=7))
def test_dominance_by_brute_force(rows):
    beats = pareto_front(np.array(rows, dtype=float))
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            assert beats[i, j] == (all(x >= y for x, y in zip(a, b, strict=True)) and a != b)


def test_every_number_with_a_prior_is_in_one_group():
    for indication in INDICATIONS:
        labels = rr.World.default(indication).draw_table(1).columns
        assert {group_of(label) for label in labels} <= set(GROUPS)
        assert sorted(label for members in grouped(labels).values() for label in members) == sorted(labels)
    names = [name for members in GROUPS.values() for name in members]
    assert len(names) == len(set(names))
    assert group_of("no such number") == OTHER
    used = in_use(
        ["median_weeks[onabotulinumtoxinA]", "median_weeks[abobotulinumtoxinA]", "within_sd"], COHORT.world, {}
    )
    assert used == ["median_weeks[onabotulinumtoxinA]", "within_sd"]


def test_sobol_indices_of_ishigami():
    """Closed forms: first 0.3139, 0.4424, 0; total 0.5576, 0.4424, 0.2437 (Ishigami and Homma 1990)."""

    def ishigami(u):
        x = np.pi * (2 * u - 1)
        return (np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0]))[:, None]

    groups = {"a": ["a"], "b": ["b"], "c": ["c"], "none": ["d", "e"]}
    (table,) = indices(ishigami, groups, n=2048)
    for column, truth in (("first", [0.3139, 0.4424, 0, 0]), ("total", [0.5576, 0.4424, 0.2437, 0])):
        error = np.abs(table[column] - truth)
        assert (error <= 2 * table[f"{column}_conf"] + 1e-9).all()  # 95% half-widths: 4 standard errors
    assert table.loc[3, "total"] == 0
    with pytest.raises(rr.InputError, match="`n` must be a power of 2"):
        indices(ishigami, groups, n=100)


def test_the_sweep_is_always_there_and_its_sentences_follow_the_table():
    found = rr.compare(RULES, COHORT, years=3).sweep
    assert len(sweep_worlds(COHORT.world)) == found.table["world"].nunique() == 9
    assert set(found.table["within_sd"]) == {0.10, 0.23, 0.35}
    base = pd.DataFrame({"strategy": ["a", "b", "c"], "gain": [0.02, 0.02, 0.0001], "mcse": [0.001, 0.001, 0.001]})
    rows = [("a", 0.01), ("a", 0.03), ("b", 0.03), ("b", -0.02), ("c", 0.0), ("c", 0.001)]
    table = pd.DataFrame(
        [
            {"world": f"w{i % 2}", "kernel": "k", "strategy": s, "gain": g, "mcse": 0.001}
            for i, (s, g) in enumerate(rows)
        ]
    )
    sweep = Sweep(table, base)
    assert sweep.conclusions()["survives"].tolist() == [True, False, False]
    assert "keeps its sign" in sweep.sentence("a")
    assert "does not survive" in sweep.sentence("b")
    assert "w1" in sweep.sentence("b")
    assert "not distinguishable from none" in sweep.sentence("c")
    with pytest.raises(rr.InputError, match="no strategy is called 'd'; there are a, b, c"):
        sweep.sentence("d")


def test_without_a_load_only_the_within_sd_is_swept():
    world = rr.World.default("glabellar", "daxibotulinumtoxinA")
    assert len(sweep_worlds(world)) == 3
    sweep = swept_gains({"s": rr.Stepped()}, rr.draw_cohort(60, world=world), years=2)
    assert len(sweep.table) == 3
    assert "kernel" not in sweep.sentence("s")


def test_draws_go_on_where_they_were_and_threads_do_not_matter(tmp_path):
    first = uncertain(RULES, COHORT, 4, years=3, store=tmp_path)
    files = sorted(tmp_path.glob("world_*.json"))
    assert len(files) == 4
    times = [path.stat().st_mtime_ns for path in files]
    files[0].write_text(files[0].read_text()[:-50])  # cut off
    content = json.loads(files[1].read_text())
    content["found"]["values"]["data"][0][0] = 0.0
    files[1].write_text(json.dumps(content))  # damaged
    again = uncertain(RULES, COHORT, 4, years=3, store=tmp_path, workers=2)
    pd.testing.assert_frame_equal(first.values, again.values, rtol=1e-13)
    pd.testing.assert_frame_equal(first.gains, again.gains, rtol=1e-13)
    changed = [old != path.stat().st_mtime_ns for old, path in zip(times, files, strict=True)]
    assert changed == [True, True, False, False]
    uncertain(RULES, COHORT, 4, years=2, store=tmp_path)
    assert len(list(tmp_path.glob("world_*.json"))) == 8


def test_draws_from_a_table_or_worlds():
    table = pd.DataFrame({"within_sd": [0.1, 0.3, 0.35]})
    a = uncertain(RULES, COHORT, table, years=2)
    b = uncertain(RULES, COHORT, COHORT.world.at(table), years=2)
    pd.testing.assert_frame_equal(a.values, b.values)
    assert b.parameters.columns.tolist() == ["within_sd"]
    with pytest.raises(rr.InputError, match="did you mean within_sd"):
        worlds_of(COHORT.world, pd.DataFrame({"within_s": [1, 2]}), 1)
    with pytest.raises(rr.InputError, match="rows 0, 2"):
        worlds_of(COHORT.world, pd.DataFrame({"within_sd": [-1, 0.2, np.nan]}), 1)
    with pytest.raises(rr.InputError, match="`draws` must be"):
        worlds_of(COHORT.world, 1, 1)
    with pytest.raises(rr.InputError, match="at least 2 worlds"):
        worlds_of(COHORT.world, [], 1)
    other = rr.World.default("glabellar", "abobotulinumtoxinA"), rr.World.default("cervical dystonia")
    with pytest.raises(rr.InputError, match=r"product and label dose \(rows 1, 2\)"):
        worlds_of(COHORT.world, [COHORT.world, *other], 1)


def test_a_tornado_puts_first_what_moves_the_gain_most():
    table = tornado(rr.Stepped(early=True), COHORT, years=3, patients=200)
    moves = (table["gain_high"] - table["gain_low"]).abs()
    assert (moves.diff().dropna() <= 0).all()
    within = table.set_index("parameter").loc["within_sd"]
    assert (within["low"], within["high"]) == (pytest.approx(0.125), pytest.approx(0.325))
    world = COHORT.world.replace(within_sd=within["low"])
    alone = rr.compare(
        {"s": rr.Stepped(early=True)}, rr.draw_cohort(200, world=world, seed=3), years=3, sweep=False
    ).matched()
    assert within["gain_low"] == pytest.approx(alone.loc[("s", "antigen"), "gain"])


def test_a_clinic_knows_its_prior_whoever_calls():
    """What is not prepared is prepared with the base world, not with the one it is evaluated in."""
    table = pd.DataFrame({"within_sd": [0.1, 0.4], "median_weeks[onabotulinumtoxinA]": [8.0, 25.0]})
    ready, raw = {"p": RULES["personal"]}, {"p": rr.Personal()}
    a, b = (uncertain(rules, COHORT, table, years=3).values for rules in (ready, raw))
    pd.testing.assert_frame_equal(a, b)
    naive = rr.simulate(rr.draw_cohort(300, world=COHORT.world.at(table)[1], seed=5), raw["p"], years=3)
    knows_prior = rr.simulate(rr.draw_cohort(300, world=COHORT.world.at(table)[1], seed=5), ready["p"], years=3)
    assert naive.patients["sessions"].sum() != knows_prior.patients["sessions"].sum()  # so it matters
    few = COHORT[:60]
    a, b = (swept_gains(rules, few, years=2).table for rules in (ready, raw))
    pd.testing.assert_frame_equal(a, b)
    groups = {"median": ["median_weeks[onabotulinumtoxinA]"], "within": ["within_sd"]}
    a, b = (sobol(rules, few, years=2, n=2, groups=groups) for rules in (ready, raw))
    pd.testing.assert_frame_equal(a, b)


def test_the_sweep_keeps_the_patients_of_a_subgroup():
    longest = COHORT[COHORT.log_offset > np.quantile(COHORT.log_offset, 0.7)]
    result = rr.compare({"early": RULES["early"]}, longest, years=3)
    assert result.sweep.base["gain"].iloc[0] == pytest.approx(result.matched().loc[("early", "antigen"), "gain"])
    whole = swept_gains({"early": RULES["early"]}, COHORT[: len(longest)], years=3)
    assert whole.base["gain"].iloc[0] != pytest.approx(result.sweep.base["gain"].iloc[0])


def test_a_store_knows_the_code_of_the_comparison(tmp_path, monkeypatch):
    run = lambda: uncertain({"f": rr.Fixed(12)}, COHORT[:50], 2, years=1, store=tmp_path)  # noqa: E731
    run()
    run()
    assert len(list(tmp_path.iterdir())) == 2
    told = drawing.source_digest
    monkeypatch.setattr(drawing, "source_digest", lambda names: told(names) + ("x" if "comparison" in names else ""))
    run()
    assert len(list(tmp_path.iterdir())) == 4  # nothing unfinished is left either


def test_no_part_is_worth_more_than_everything():
    """Of 12 made-up sets of 3 draws, regression alone puts a group above the EVPI in 3."""
    labels = [label for label in COHORT.world.draw_table(1).columns if "[" not in label]
    for seed in range(12):
        rng = np.random.default_rng(seed)
        worth = pd.DataFrame(rng.normal(size=(3, 3)))
        table = Information(worth, pd.DataFrame(rng.normal(size=(3, len(labels))), columns=labels)).table()
        assert (table["value"] <= table["value"].iloc[0]).all()


def test_what_makes_no_sense_is_refused():
    found = made(np.ones((3, 2)))
    with pytest.raises(rr.InputError, match="`weights` is empty"):
        found.information(())
    with pytest.raises(rr.InputError, match="`objectives` is empty"):
        found.pareto({})
    for groups, message in (({"a": ["x"], "b": []}, "without parameters"), ({"a": ["x"], "b": ["x"]}, "twice")):
        with pytest.raises(rr.InputError, match=message):
            indices(lambda u: u[:, :1], groups, n=4)
    with pytest.raises(rr.InputError, match="`patients`"):
        tornado(rr.Stepped(), COHORT, patients=0)

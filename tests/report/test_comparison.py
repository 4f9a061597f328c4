"""The page of a comparison: well-formed, on its own, the same twice; its sentences follow the numbers."""

import json
import re
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.report.comparison import Analyses, fill_comparison, write_comparison
from retreat_research.report.comparison_sentences import (
    answer,
    at_equal_benefit,
    cannot_tell,
    for_whom,
    how_sure,
    what_would_change,
)

from .made_comparison import GAINS, LONG, SOBOL, TORNADO, gain, made

mpl.use("Agg")
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Tags(HTMLParser):
    """Fails on a tag that closes another than the one that is open."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def tags(page):
    parser = Tags()
    parser.feed(page)
    assert not parser.open
    return parser


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    results = {"glabellar lines": made(), "crow's feet": made(draws=False, sweep=False, equal="units")}
    more = {"glabellar lines": Analyses(SOBOL, {"early": TORNADO})}
    (folder / "plan.toml").write_text("seed = 1\n")
    fill_comparison(results, folder, arguments={"seed": 1}, inputs=[folder / "plan.toml"], analyses=more)
    return folder


def test_the_page_is_well_formed_and_needs_nothing_else(whole):
    page = (whole / "report.html").read_text(encoding="utf-8")
    found = tags(page)
    assert found.links == ["#part0", "#part1"]
    assert found.ids == ["part0", "part1"]
    sources = re.findall(r'src="([^"]*)"', page)
    assert len(sources) == len(list(whole.glob("*.png"))) == len(list(whole.glob("*.svg"))) == 9 + 6
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.findall(r"(?:url\(|@import|<script|<link)", page)
    assert page.count("For research and teaching only") == 1
    assert all(re.findall(r'<img [^>]*alt="([^"]+)"', page))


def test_names_are_the_users_text(whole):
    page = (whole / "report.html").read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "a &lt;b&gt;bold&lt;/b&gt; name &amp; one" in page
    assert "“seer” (oracle)" in page


def test_sections_without_data_are_left_out(whole):
    page = (whole / "report.html").read_text(encoding="utf-8")
    first, second = page.split('id="part1"')
    second = second.split("How to repeat it")[0]
    for heading in ("<h3>Dominance", "<h3>What would change the answer"):
        assert heading in first
        assert heading not in second
    assert "No worlds were drawn" in second
    assert "equal units" in second


def test_tables_and_manifest(whole):
    manifest = json.loads((whole / "manifest.json").read_text(encoding="utf-8"))
    assert list(manifest["comparisons"]) == ["glabellar lines", "crow's feet"]
    assert manifest["comparisons"]["crow's feet"]["strategies"]["fixed 12"] == "Fixed(weeks=12)"
    assert set(manifest["inputs_sha256"]) == {"plan.toml"}
    names = {path.stem for path in whole.glob("*.csv")}
    assert "glabellar-lines_drawn_gains" in names
    assert "crows-feet_drawn_gains" not in names
    page = (whole / "report.html").read_text(encoding="utf-8")
    for name in names:
        assert len(pd.read_csv(whole / f"{name}.csv")) > 0
        assert f"<code>{name}.csv</code>" in page


def test_the_same_comparison_writes_the_same_bytes(tmp_path):
    gains = {name: GAINS[name] for name in ("fixed 12", "early")}
    pages = [write_comparison(made(gains, draws=False), tmp_path / name) for name in "ab"]
    for path in pages[0].parent.iterdir():
        assert (pages[1].parent / path.name).read_bytes() == path.read_bytes(), path.name
    assert {path.name for path in pages[0].parent.iterdir()} >= {"report.html", "frontier.png", "frontier.svg"}


def test_a_comparison_of_fixed_intervals_only(tmp_path):
    page = write_comparison(made({"fixed 12": GAINS["fixed 12"]}, draws=False), tmp_path).read_text(encoding="utf-8")
    tags(page)
    assert "there is no gain over a fixed interval to speak of" in page


def test_real_results(tmp_path):
    rules = {"fixed 12": rr.Fixed(12), "stepped": rr.Stepped(on_waning="back"), "on waning": rr.OnWaning(12, 52)}
    result = rr.compare(rules, rr.draw_cohort(150, indication="glabellar", seed=2), years=3, sweep=False)
    page = write_comparison(result, tmp_path).read_text(encoding="utf-8")
    tags(page)
    row = result.matched().loc[("on waning", "antigen")]
    assert f"“on waning” gains {100 * row['gain']:.1f} points of time in benefit" in page


# --- sentences --------------------------------------------------------------------------------------------------------


def said_of(row):
    return answer(made({"s": row}, draws=False, sweep=False))[1]


def test_what_came_out_in_all():
    assert answer(made())[0] == (
        "Against the fixed interval of equal antigen: “booked, +2” and “early” gain time in benefit; "
        f"“{LONG}” loses time in benefit; for “seer” (oracle) there is none between 4 and 52 weeks."
    )
    one = answer(made({"early": GAINS["early"], "booked, +2": gain(0.0005)}, draws=False, sweep=False))[0]
    assert one.endswith(": “early” gains time in benefit; “booked, +2” cannot be told apart from it.")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (
            gain(0.051, stepping=0.006, request=0.045),
            "“s” gains 5.1 points of time in benefit over the fixed interval of equal antigen, 14.0 weeks: "
            "85.1% against "
            "80.0% (Monte Carlo error 0.10). Of that, stepping gains 0.6 points, and return on request gains "
            "4.5 points.",
        ),
        (
            gain(-0.004, stepping=-0.0056, request=0.0016),
            "“s” loses 0.4 points of time in benefit to the fixed interval of equal antigen, 14.0 weeks: 79.6% against "
            "80.0% (Monte Carlo error 0.10). Of that, stepping loses 0.6 points, and return on request makes no "
            "difference that can be told (+0.16 ± 0.10 points).",
        ),
        (
            gain(-0.0014),
            "“s” cannot be told apart from the fixed interval of equal antigen, 14.0 weeks: 79.9% against 80.0%, a "
            "difference of −0.14 points (Monte Carlo error 0.10).",
        ),
        (
            gain(np.nan),
            "“s”: no fixed interval between 4 and 52 weeks has as much antigen, so there is nothing fair to hold it "
            "against.",
        ),
    ],
)
def test_the_gain_of_one_strategy(row, sentence):
    assert said_of(row) == sentence


def test_a_gain_of_one_part_only():
    booked = said_of(gain(0.01, stepping=0.01, request=0.0, request_error=0.0))
    assert booked.endswith("Every visit is booked, so all of that is from stepping.")
    asked = said_of(gain(0.01, stepping=0.0, stepping_error=0.0, request=0.01))
    assert asked.endswith("Booked, it would be a fixed interval, so all of that is from return on request.")
    assert "Of that" not in said_of(gain(0.01))


def test_a_difference_below_rounding_is_not_one():
    assert "cannot be told apart" in said_of(gain(0.0004, 0.00001))
    assert "gains 0.06 points" in said_of(gain(0.0006, 0.00001))


def test_at_equal_benefit_signs_become_words():
    said = at_equal_benefit(made())
    assert said[0] == (
        "“booked, +2” against a session every 13.0 weeks, which gives the same time in benefit: 0.2 ng less "
        "antigen per "
        "year, 0.5 fewer sessions per year and 2 more of 100 patients with antibodies."
    )
    assert f"“{LONG}”: no fixed interval" in said[2]


def test_for_whom_names_the_widest_clear_difference():
    said = for_whom(made({"early": GAINS["early"], LONG: GAINS[LONG]}))
    assert said[0] == "By what a clinic can see, the gain of “early” cannot be told apart between groups."
    assert said[1] == (
        "By what only the simulation knows, the gain of “early” differs most with “typical duration”: a gain of 6.1 "
        "points for “short” and a gain of 4.1 points for “long”."
    )
    assert "a gain of 0.6 points for “short” and a loss of 1.4 points for “long”" in said[3]


def test_how_sure():
    said = how_sure(made())
    assert "Monte Carlo error of a gain is 0.10 points" in said[0]
    early = next(s for s in said if s.startswith("Over 4 worlds drawn from the priors “early”"))
    assert "a gain of 5.1 points on average; 95% interval −1.0 to +6.0" in early
    assert early.endswith("It is a gain in 4 of 4.")
    lost = next(s for s in said if LONG in s and s.startswith("Over"))
    assert "a loss of 0.4 points on average" in lost
    assert lost.endswith("It is a gain in 0 of 4.")
    assert not any("“seer”" in s for s in said if s.startswith("Over"))
    assert (
        "For a patient who wants lasting response alone, “fixed 12” is best in 75% of the drawn worlds, “seer” "
        "(oracle) "
        "in 25%."
    ) in said
    assert "“booked, +2” is dominated: “fixed 12” is at least as good in every objective and better in one." in said


def test_an_oracle_dominates_nobody():
    result = made()
    table = result.uncertainty.pareto()
    table["dominated_by"] = [("seer",) if name == "booked, +2" else () for name in table.index]
    result.uncertainty.pareto = lambda objectives=None: table
    assert not any("dominated" in sentence for sentence in how_sure(result))


def test_a_part_worth_more_than_the_whole_is_noise():
    result = made()
    table = result.uncertainty.information()
    table.loc[(table["group"] == "durations") & (table["weight"] == 0), "value"] = 0.013
    assert "there are too few draws to say which numbers matter most" in what_would_change(result)[4]


def test_an_oracle_is_not_split_into_what_a_clinic_does():
    said = answer(made({"seer": gain(0.08, stepping=0.08, request=0.0, request_error=0.0)}, draws=False, sweep=False))
    assert said[1].endswith("(Monte Carlo error 0.10).")


def test_a_share_of_the_gains_over_draws():
    said = how_sure(made({"s": gain(0.001)}))
    assert any(s.endswith("It is a gain in 2 of 4.") for s in said)


def test_what_would_change():
    said = what_would_change(made(), SOBOL)
    assert said[:4] == [f"The sweep on “{name}”." for name in ("booked, +2", "early", LONG, "seer")]
    assert "would be worth 1.2 points; most by durations (0.8)." in said[4]
    assert said[6] == "For lasting response alone, knowing the world exactly would not change which strategy is best."
    assert said[7].endswith("durations accounts for most: 60% alone, 70% with what it does together with others.")


def test_what_it_cannot_tell():
    said = cannot_tell(made())
    assert said[0] == "A note that came with the comparison."
    assert said[1].startswith("“seer” (oracle) uses what no clinic can see")
    assert any("with probability 1%" in s for s in said)

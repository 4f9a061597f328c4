"""The hand-written page on predictions says what the committed table says, and the table is of today's figures."""

import re
from pathlib import Path

import pandas as pd
import pytest

from retreat_research.studies import TARGETS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = re.sub(r"\s+", " ", (DOCS / "predictions.md").read_text(encoding="utf-8"))
SUMMARY = (DOCS / "predictions" / "summary.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def table():
    return pd.read_csv(DOCS / "predictions" / "predictions.csv", keep_default_na=False)


def counts(pattern, text):
    found = re.findall(pattern, text)
    assert found, pattern
    assert len(set(found)) == 1, f"{pattern} is said in two ways"
    return tuple(int(number) for number in found[0])


@pytest.mark.parametrize("text", [PAGE, SUMMARY], ids=["page", "summary"])
def test_verdicts_are_those_of_the_committed_table(table, text):
    agrees, unseen = table["verdict"] == "agrees", table["in_sight"] == ""
    found = counts(
        r"(\d+) of (\d+) published figures agree and (\d+) do not; of the (\d+) that no constant of the world was "
        r"chosen after, (\d+) agree",
        text,
    )
    assert found == (agrees.sum(), len(table), (~agrees).sum(), unseen.sum(), (agrees & unseen).sum())
    misfits = table[~agrees]
    inside, borderline, outside = ((misfits["priors"] == where).sum() for where in ("inside", "borderline", "outside"))
    found = counts(
        r"Of the (\d+) misfits (\d+) lie inside the range over \d+ worlds drawn from the priors, (\d+) on its border, "
        r"as far as so many draws can tell, and (\d+) outside",
        text,
    )
    assert found == (len(misfits), inside, borderline, outside)


def test_the_committed_table_is_of_the_figures_asked_for_today(table):
    assert table["target"].tolist() == [target.name for target in TARGETS]
    assert table["in_sight"].tolist() == [target.in_sight() for target in TARGETS]
    assert table["reason"].tolist() == [target.reason for target in TARGETS]


def test_every_misfit_has_a_reason_and_is_named_on_the_page(table):
    misfits = table[table["verdict"] == "misfit"]
    assert (misfits["reason"] != "").all()
    causes = PAGE.split("### The misfits")[1].split("## What was not asked for")[0]
    for row in misfits.to_dict("records"):
        name = row["evidence"].split(": ")[1].split("/")[0].split(" ")[0]
        assert f"`{name}`" in causes, row["target"]


def test_what_is_praised_as_unseen_is_unseen_and_agrees(table):
    praised = PAGE.split("### What it gets right without having seen it")[1].split("###")[0]
    names = re.findall(r"`([\w+-]+)`", praised)
    assert names
    good = table[(table["verdict"] == "agrees") & (table["in_sight"] == "")]
    for name in names:
        assert good["evidence"].str.split(": ").str[1].str.startswith(name).any(), name

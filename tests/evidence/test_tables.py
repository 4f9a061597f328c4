"""The tables of published figures are whole and can be read."""

import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.evidence import KEYS, TABLES

#: Rows and columns as they were handed over.
SHAPES = {
    "antibodies": (22, "id indication product dose_per_cycle interval_weeks cycles years outcome_definition assay "
                       "value unit ci_low ci_high n_pos n source doi_or_pmid where verification note"),
    "curves": (147, "study arm week quantity value n source"),
    "durations": (152, "id domain product dose_units indication quantity definition value unit ci_low ci_high n source "
                       "doi_or_pmid note"),
    "kinetics": (26, "quantity value unit ci_low ci_high n population source doi_or_pmid where verification note"),
    "products": (25, "product brand serotype attribute value unit source doi_or_pmid where verification note"),
    "protocols": (26, "rule_id domain rule value unit evidence_type source doi_or_pmid where verification note"),
    "tests": (19, "test quantity value unit n source doi_or_pmid where verification note"),
}  # fmt: skip
NUMERIC = ("number", "ci_low", "ci_high", "week")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_its_rows_and_columns(name):
    rows, columns = SHAPES[name]
    table = rr.evidence(name)
    assert len(table) == rows
    assert [c for c in table.columns if c != "number"] == columns.split()


@pytest.mark.parametrize("name", TABLES)
def test_every_row_has_a_value_and_a_source(name):
    table = rr.evidence(name)
    for column in ("source", *KEYS[name]):
        if (name, column) != ("curves", "week"):  # one source cut the label of the week off
            assert table[column].astype(str).str.strip().ne("").all()
            assert table[column].notna().all()
    valued = table["value"].notna()
    assert valued.all() or name == "protocols"  # a rule need not be a number


@pytest.mark.parametrize("name", TABLES)
def test_numbers_are_numbers(name):
    table = rr.evidence(name)
    for column in table.columns.intersection(NUMERIC):
        assert table[column].dtype == float
    plain = table["value"].astype(str).str.fullmatch(r"-?\d+(\.\d+)?")
    assert table["number"].notna().equals(plain)
    if "ci_low" in table:
        found = table.dropna(subset=["number", "ci_low", "ci_high"])
        assert ((found["ci_low"] <= found["number"]) & (found["number"] <= found["ci_high"])).all()


def test_percentages_follow_from_their_counts():
    table = rr.evidence("antibodies")
    counts = table[["n_pos", "n"]].apply(pd.to_numeric, errors="coerce")
    known = counts.notna().all(axis=1) & (table["unit"] == "percent")
    percent = 100 * counts["n_pos"] / counts["n"]
    assert known.sum() > 12
    np.testing.assert_allclose(table.loc[known, "number"], percent[known], atol=0.06)


@pytest.mark.parametrize("name", TABLES)
def test_a_key_names_one_row(name):
    table = rr.evidence(name)
    keys = table[list(KEYS[name])].astype(str).agg("/".join, axis=1)
    assert set(keys[keys.duplicated()]) <= {"Dysport/dose_ratio_to_ona"}  # two papers


@pytest.mark.parametrize("name", ["antibody", "", "../products"])
def test_an_unknown_table_is_refused(name):
    with pytest.raises(rr.InputError, match="unknown table of evidence; there are antibodies, curves, durations"):
        rr.evidence(name)


def test_a_reader_may_change_her_copy():
    mine = rr.evidence("tests")
    mine.loc[0, "value"] = "spoilt"
    assert rr.evidence("tests").loc[0, "value"] != "spoilt"

"""Which rows enter, as what, and what is said of a table that cannot be used."""

import numpy as np
import pandas as pd
import pytest

from retreat_research import InputError, evidence
from retreat_research.calibration import fit_curves
from retreat_research.calibration.reading import read_curves

CURVES = evidence("curves")


def a_table(**changes):
    rows = {
        "study": ["Trial"] * 3,
        "arm": ["placebo", "ona 20U", "ona 20U"],
        "week": [4.0, 4.0, 16.0],
        "quantity": ["pct >=1-grade"] * 3,
        "value": [5.0, 95.0, 50.0],
        "n": [40, 40, 40],
    }
    return pd.DataFrame({**rows, **changes})


def test_every_row_of_the_evidence_is_used_or_has_a_reason():
    data, uses = read_curves(CURVES)
    assert len(uses) == len(CURVES)
    assert set(uses["use"]) == {"fitted", "predicted", "left out"}
    assert (uses.loc[uses["use"] == "left out", "why"] != "").all()
    assert set(data["row"]) == set(uses.index[uses["use"] != "left out"])


def test_only_rows_without_a_number_an_n_or_a_week_or_for_a_named_reason_are_left_out():
    """EVIDENCE: all with a number and an n are targets."""
    _, uses = read_curves(CURVES)
    complete = CURVES["n"].notna() & CURVES["week"].notna()
    assert (uses.loc[~complete, "use"] == "left out").all()
    assert uses.loc[complete & (uses["use"] == "left out"), "why"].value_counts().to_dict() == {
        "the patients of the percentages of this arm again": 54,
        "when patients were injected again, not how they responded": 4,
        "not an indication of the world": 4,
        "a mean without its zero and full scale, in two weeks before any waning": 4,
        "week 0: by definition 0": 3,
        "the only row of its indication, and a bound": 2,
        "its level is seen in the onset only, so that level and onset cannot be told apart": 1,
    }


def test_a_kaplan_meier_median_is_two_bounds():
    data, _ = read_curves(CURVES)
    glogau = data[(data["study"] == "Glogau 2012") & data["given_week"].notna()]
    assert glogau["bound"].tolist() == [-1, 1]
    assert glogau["week"].tolist() == pytest.approx([17.1, 17.1 - 30 / 7])
    assert glogau["share"].tolist() == [0.5, 0.5]


def test_doses_count_label_doses_of_their_product():
    data, _ = read_curves(CURVES)
    dose = data.groupby(["product", "indication", "arm"])["dose"].first()
    assert dose["abobotulinumtoxinA", "glabellar lines", "abo 125U"] == 2.5
    assert dose["onabotulinumtoxinA", "glabellar lines", "GL"] == 1
    assert dose["rimabotulinumtoxinB", "cervical dystonia", "10000U"] == 2
    assert dose["placebo", "glabellar lines", "placebo"] == 0


@pytest.mark.parametrize(
    ("n", "expected"), [("80 over 4 arms", [20, 20, 20]), ("38/35", [38, 35, 35]), (30, [30, 30, 30])]
)
def test_the_size_of_an_arm(n, expected):
    data, _ = read_curves(a_table(n=[n] * 3))
    assert data["n"].tolist() == expected


def test_means_are_shares_of_the_largest_of_their_arm():
    data, _ = read_curves(CURVES)
    strain = data[data["study"].str.startswith("Lemdani")]
    assert strain.groupby("arm")["share"].max().tolist() == [1, 1, 1]
    assert data.loc[data["quantity"].str.startswith("share of max"), "share"].tolist() == [0.84]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": [5.0, 101.0, -1.0]}, r"`value` must be between 0 and 100 percent \(rows 1, 2\)"),
        ({"value": [np.nan, 95.0, np.inf]}, r"`value` must be a number \(rows 0, 2\)"),
        ({"value": ["5", "many", "50"]}, r"`value` must be a number \(row 1\)"),
        ({"n": [0, -3, 40]}, r"`n` must be positive.*\(rows 0, 1\)"),
        ({"n": ["40", "some", "20/30/40"]}, r"`n` must be positive.*\(rows 1, 2\)"),
        ({"n": ["40", "40", "80 over 0 arms"]}, r"`n` must be positive.*\(row 2\)"),
        ({"week": [-1.0, 4.0, np.inf]}, r"`week` must be a number of weeks, not negative \(rows 0, 2\)"),
        ({"arm": [None, "ona 20U", "ona 20U"]}, r"`arm` is empty \(row 0\)"),
    ],
)
def test_bad_cells_are_named_by_row(changes, message):
    with pytest.raises(InputError, match=message):
        fit_curves(a_table(**changes))


def test_all_kinds_of_bad_cells_are_named_at_once():
    with pytest.raises(InputError) as error:
        fit_curves(a_table(value=[np.nan, 101.0, 50.0], n=[40, 40, 0], week=[-4.0, 4.0, 16.0]))
    for text in ("`week` must", "(row 0)", "between 0 and 100", "(row 1)", "`n` must", "(row 2)"):
        assert text in str(error.value)


def test_missing_columns_are_named():
    with pytest.raises(InputError, match="the table has no column `week`, `n`"):
        fit_curves(a_table().drop(columns=["week", "n"]))


def test_the_index_of_a_table_does_not_matter():
    table = a_table(value=[5.0, 101.0, 50.0])
    with pytest.raises(InputError, match=r"\(row 1\)"):
        fit_curves(table.set_axis([7, 7, 9]))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"arm": ["placebo", "mystery 20U", "ona"]}, "the arm's product and dose are not known to the world"),
        ({"quantity": ["pct >=1-grade", "smiles", "smiles"]}, "a quantity that the model has no answer to"),
        ({"n": [40, np.nan, None]}, "no n"),
        ({"week": [4.0, np.nan, np.nan]}, "the source does not say the week"),
    ],
)
def test_what_cannot_be_placed_is_left_out_with_a_reason(changes, why):
    _, uses = read_curves(a_table(**changes))
    assert uses["use"].tolist() == ["fitted", "left out", "left out"]
    assert uses["why"].tolist() == ["", why, why]


def test_a_table_without_a_row_to_fit_is_refused():
    with pytest.raises(InputError, match="no row of the table can be fitted"):
        fit_curves(a_table(quantity=["smiles"] * 3))

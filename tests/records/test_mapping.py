"""Mappings: what they may hold and what is said of the rest."""

import pytest

from retreat_research import InputError
from retreat_research.records.mapping import Rating, Treatment, read_mapping


def test_a_mapping(long_file):
    mapping = read_mapping(long_file()[1])
    assert mapping.treatments == {"high": Treatment("rimabotulinumtoxinB", 10000.0), "none": Treatment("placebo", 0.0)}
    assert mapping.ratings == {"twstrs": Rating("TWSTRS", "investigator"), "own": Rating("TWSTRS", "subject")}
    assert mapping.columns == ["who", "wk", "arm", "twstrs", "own", "age", "sex"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[scales]", "[scales", "long.toml is not valid TOML"),
        ('indication = "cervical dystonia"\n', "", "long.toml: no `indication`"),
        ('week = "wk"\n', 'weeks = "wk"\n', "unknown key `weeks`; did you mean week?"),
        ('week = "wk"', "week = 3", "`week` must be a text"),
        ('"cervical dystonia"', '"cervical distonia"', "unknown indication; did you mean cervical dystonia?"),
        ('covariates = ["age", "sex"]', 'covariates = "age"', "`covariates` must be a list"),
        ('covariates = ["age", "sex"]', 'covariates = ["lower"]', "the covariate `lower` has the name of a result"),
        ('covariates = ["age", "sex"]', 'covariates = ["wk"]', "one column is used twice"),
        ("rimabotulinumtoxinB", "rimabotulinumtoxin", "`treatments.high` has an unknown product; did you mean rima"),
        ("rimabotulinumtoxinB", "Myobloc", "did you mean rimabotulinumtoxinB?"),
        ("units = 10000", "units = -1", "`treatments.high.units` must be a number, 0 or more"),
        ("units = 10000", 'units = "10000"', "`treatments.high.units` must be a number, 0 or more"),
        ("units = 10000", "units = nan", "`treatments.high.units` must be a number, 0 or more"),
        ("units = 10000", "units = 0", "placebo has 0 units, a product more than 0"),
        ("units = 0 }", "units = 5 }", "placebo has 0 units, a product more than 0"),
        ("units = 10000", "dose = 10000", "unknown key `dose` in `treatments.high`"),
        (", units = 10000", "", "no `units` in `treatments.high`"),
        ('{ scale = "TWSTRS" }', '"TWSTRS"', "`scales.twstrs` must be a table"),
        ('rater = "subject"', 'rater = "patient"', "`scales.own.rater` must be investigator or subject"),
        (', rater = "subject"', "", "two columns hold one scale by one rater"),
    ],
)
def test_mappings_that_cannot_be_used(long_file, text, old, new, message):
    assert text["mapping"].count(old) == 1
    with pytest.raises(InputError, match=message):
        read_mapping(long_file(mapping=text["mapping"].replace(old, new))[1])


def test_files_that_are_no_mapping(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_mapping(tmp_path / "none.toml")
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(InputError, match="no `indication`, `patient`, `scales`, `treatment`, `treatments`, `week`"):
        read_mapping(tmp_path / "empty.toml")
    (tmp_path / "latin.toml").write_bytes("# é".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.toml is not UTF-8"):
        read_mapping(tmp_path / "latin.toml")


def test_a_column_the_file_does_not_have(long_file, text):
    from retreat_research import read_records

    paths = long_file(mapping=text["mapping"].replace('week = "wk"', 'week = "week"'))
    with pytest.raises(InputError, match=r"long\.csv has no column `week`"):
        read_records(*paths)

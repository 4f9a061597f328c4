"""The synthetic clinic: regenerated, read cleanly, and true to its truth."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import retreat_research as rr
from retreat_research import synthetic
from retreat_research.synthetic import GROUPS, SEED, synthetic_clinic, write_clinic

COMMITTED = Path(__file__).parent.parent / "data" / "synthetic"
FILES = ("sessions.csv", "assessments.csv", "antibodies.csv", "truth.csv", "datapackage.json", "README.md")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_clinic(tmp_path_factory.mktemp("clinic"))


def test_the_committed_clinic_is_what_the_command_writes(written):
    """Equal at the digits written, on any machine."""
    for name in FILES:
        assert (written / name).read_text(encoding="utf-8") == (COMMITTED / name).read_text(encoding="utf-8"), name


def test_another_seed_is_another_clinic(written):
    other = synthetic_clinic(seed=1)["truth"]
    assert (other["median_weeks"] != pd.read_csv(written / "truth.csv", dtype=str)["median_weeks"]).all()


def test_it_reads_without_a_problem(written):
    assert rr.check_records(written).empty
    records = rr.read_records(written)
    assert len(records.patients) == sum(g.patients for g in GROUPS)
    assert records.sessions["product"].nunique() == 4
    assert records.sessions["indication"].nunique() == 2
    assert records.sessions["injector"].nunique() == 3
    assert records.sessions["lot"].nunique() > 20
    assert records.antibodies["positive"].any()


def test_every_column_is_described(written):
    package = json.loads((written / "datapackage.json").read_text(encoding="utf-8"))
    for resource in package["resources"]:
        fields = {f["name"]: f for f in resource["schema"]["fields"]}
        header = (written / resource["path"]).read_text(encoding="utf-8").splitlines()[0].split(",")
        assert list(fields) == header
        assert all(f["description"] and f["type"] for f in fields.values())


def test_the_truth_is_the_simulators(written):
    truth = pd.read_csv(written / "truth.csv")
    ona = truth[(truth["product"] == "onabotulinumtoxinA") & (truth["units"] == 20)]
    world = rr.World.default("glabellar")
    logs = np.log(ona["median_weeks"])
    assert abs(logs.mean() - np.log(world.median_weeks)) < 4 * world.response.between_sd / np.sqrt(len(ona))
    cohort = rr.draw_cohort(len(ona), world=world, seed=SEED)
    np.testing.assert_allclose(ona["log_offset"], cohort.log_offset, rtol=1e-5)


def test_without_rating_error_the_estimate_recovers_the_truth(monkeypatch):
    """The AFT on the recorded intervals against the median that was put in, 4 standard errors."""
    plain = rr.World.default

    def exact(indication, product="onabotulinumtoxinA"):
        world = plain(indication, product)
        return world.replace(rater_sd=0, non_response=0, induction_rate=0, median_weeks={product: 17.0}, label_units=20)

    monkeypatch.setattr(synthetic.World, "default", staticmethod(exact))
    monkeypatch.setattr(synthetic, "GROUPS", (synthetic.Group("cervical dystonia", "onabotulinumtoxinA", 20, 150),))
    monkeypatch.setattr(synthetic, "INJECTORS", {"injector 1": rr.Fixed(30)})
    tables = synthetic_clinic(seed=3)
    sessions, ratings = tables["sessions"], tables["assessments"]
    sessions, ratings = (t.assign(date=pd.to_datetime(t["date"])) for t in (sessions, ratings))
    start = sessions.groupby("patient")["date"].min()
    for table in (sessions, ratings):
        table["week"] = (table["date"] - table["patient"].map(start)).dt.days / 7
    records = rr.Records(sessions.assign(units=20.0).drop(columns="waned_date"), ratings.drop(columns="date"))
    cycles = records.cycles(rr.LossOfBenefit("TWSTRS", loss=0.8, response=4))
    found = rr.AFT("1", family="lognormal", cov="sandwich").fit(cycles)
    # ratings are whole points of a benefit of 20: the crossing at 20% is known to half a point, 2.5%, and the curve's
    # slope of 0.48 per ln week there turns that into 5% of the weeks
    error = 4 * found.bse.iloc[0] + 0.05
    assert found.params.iloc[0] == pytest.approx(np.log(17), abs=error)
    assert np.log(found.scale / np.hypot(0.26, 0.23)) == pytest.approx(0, abs=4 * found.bse["log(scale)"])


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(rr.InputError, match="cannot write to"):
        write_clinic(tmp_path / "file" / "below")


def test_the_same_seed_gives_the_same_bytes(written, tmp_path):
    again = write_clinic(tmp_path)
    for name in FILES:
        digests = {hashlib.sha256((folder / name).read_bytes()).hexdigest() for folder in (written, again)}
        assert len(digests) == 1

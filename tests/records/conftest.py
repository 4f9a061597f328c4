"""A small clinic as files, and a way to write variants of it."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SESSIONS = """\
patient,date,product,units,indication,lot,sites,injector,waned_date
PX-7731,2022-01-10,onabotulinumtoxinA,20,glabellar lines,C1,5,anna,2022-05-02
PX-7731,2022-06-06,onabotulinumtoxinA,24,glabellar lines,C2,5,anna,
PX-0042,2022-02-01,incobotulinumtoxinA,120,cervical dystonia,,,,
PX-0042,2022-05-31,incobotulinumtoxinA,150,cervical dystonia,,,ben,
"""
ASSESSMENTS = """\
patient,date,scale,rater,value
PX-7731,2022-01-10,FWS,investigator,3
PX-7731,2022-02-07,FWS,investigator,1
PX-7731,2022-02-07,FWS,subject,1
PX-7731,2022-06-06,FWS,investigator,2
PX-0042,2022-01-25,TWSTRS,investigator,45.25
PX-0042,2022-03-01,TWSTRS,investigator,30
PX-0042,2022-05-31,TWSTRS,investigator,44
PX-0042,2022-07-01,TWSTRS,investigator,
"""
ANTIBODIES = """\
patient,date,assay,titre,positive
PX-0042,2022-05-31,MHDA,0.2,0
PX-0042,2022-07-01,MHDA,,1
"""
LONG = """\
who,wk,arm,twstrs,own,age,sex
PX-7731,0,high,40,41,50,F
PX-7731,4,high,25,,50,F
PX-7731,8,high,39,40,50,F
PX-0042,-1,none,50,50,61,M
PX-0042,4,none,48,47,61,M
"""
MAPPING = """\
indication = "cervical dystonia"
patient = "who"
week = "wk"
treatment = "arm"
covariates = ["age", "sex"]

[treatments]
high = { product = "rimabotulinumtoxinB", units = 10000 }
none = { product = "placebo", units = 0 }

[scales]
twstrs = { scale = "TWSTRS" }
own = { scale = "TWSTRS", rater = "subject" }
"""


@pytest.fixture
def clinic(tmp_path):
    """Write the clinic, with some of its files replaced (text or bytes; None: no such file); gives the folder."""

    def write(**files):
        contents = {"sessions": SESSIONS, "assessments": ASSESSMENTS, "antibodies": ANTIBODIES, **files}
        for name, content in contents.items():
            if content is not None:
                data = content if isinstance(content, bytes) else content.encode()
                (tmp_path / f"{name}.csv").write_bytes(data)
        return tmp_path

    return write


@pytest.fixture
def long_file(tmp_path):
    """Write a long CSV file and its mapping; gives both paths."""

    def write(data=LONG, mapping=MAPPING):
        (tmp_path / "long.csv").write_text(data, encoding="utf-8")
        (tmp_path / "long.toml").write_text(mapping, encoding="utf-8")
        return tmp_path / "long.csv", tmp_path / "long.toml"

    return write


@pytest.fixture
def text():
    """The files' contents, by name, for tests that change a cell."""
    return {
        "sessions": SESSIONS,
        "assessments": ASSESSMENTS,
        "antibodies": ANTIBODIES,
        "long": LONG,
        "mapping": MAPPING,
    }


@pytest.fixture
def trial():
    """Paths of the real trial and its mapping; the trial is not part of the repository."""
    path = Path(os.environ.get("RETREAT_CDYSTONIA", ROOT.parent / "shared" / "data" / "cdystonia.csv"))
    if not path.exists():
        pytest.skip("the trial's file is not here: set RETREAT_CDYSTONIA to its path")
    return path, ROOT / "data" / "mappings" / "cdystonia.toml"

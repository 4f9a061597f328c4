"""The fit of the published curves, made once."""

import matplotlib as mpl
import pytest

from retreat_research.calibration import fit_curves

mpl.use("Agg")


@pytest.fixture(scope="session")
def fit():
    return fit_curves()

"""The published figures, each row with its source: `rr.evidence(name)`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import must

if TYPE_CHECKING:
    import pandas as pd

FOLDER = Path(__file__).parent / "tables"
TABLES = ("antibodies", "curves", "durations", "kinetics", "products", "protocols", "tests")


def evidence(name: str) -> pd.DataFrame:
    """A table of published figures; every row names its source.

    Parameters
    ----------
    name : str
        One of ``antibodies``, ``curves``, ``durations``, ``kinetics``, ``products``, ``protocols``, ``tests``.

    Examples
    --------
    >>> float(evidence("antibodies").set_index("id").loc["ONA_CD", "value"])
    1.3
    """
    import pandas as pd

    must(name in TABLES, f"no table of evidence is called {name!r}", f"there are {', '.join(TABLES)}")
    return pd.read_csv(FOLDER / f"{name}.csv")

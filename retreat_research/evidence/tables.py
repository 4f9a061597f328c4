"""The published figures, each row with its source: `rr.evidence(name)`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import must

if TYPE_CHECKING:
    import pandas as pd

FOLDER = Path(__file__).parent / "tables"

#: What names a row of each table: one column, or several with "/" between them. `durations.csv D071`,
#: `products.csv Botox/neurotoxin_150kDa`.
KEYS = {
    "antibodies": ("id",),
    "curves": ("study", "arm", "week", "quantity"),
    "durations": ("id",),
    "kinetics": ("quantity",),
    "products": ("brand", "attribute"),
    "protocols": ("rule_id",),
    "tests": ("test", "quantity"),
}
TABLES = tuple(KEYS)


def evidence(name: str) -> pd.DataFrame:
    """A table of published figures; every row names its source.

    Parameters
    ----------
    name : str
        ``antibodies`` (neutralising antibodies by indication, dose, cycles), ``curves`` (response over weeks, by arm),
        ``durations`` (duration of effect, dose response, repeated cycles, scales, interval studies), ``kinetics`` (rise
        and decay of titres, memory, recall), ``products`` (protein per unit, complexes, dose ratios), ``protocols``
        (minimum intervals, touch-ups, work-up of failure) or ``tests`` (thresholds, sensitivity, specificity).

    Returns
    -------
    pandas.DataFrame
        The table as it was written down, and ``number``: its ``value`` as a float, NaN where a text, a bound, a range
        or two figures were published. Empty cells are NaN. Figures come from abstracts, tables and labels, never from
        individual data; what a ``note`` or ``verification`` calls derived is arithmetic on such figures.

    Raises
    ------
    InputError
        If there is no such table.

    Examples
    --------
    >>> float(evidence("antibodies").set_index("id").loc["ONA_CD", "number"])
    1.3
    """
    import pandas as pd

    must(name in TABLES, "unknown table of evidence", f"there are {', '.join(TABLES)}")
    table = pd.read_csv(FOLDER / f"{name}.csv", keep_default_na=False, na_values=[""])
    table.insert(table.columns.get_loc("value") + 1, "number", pd.to_numeric(table["value"], errors="coerce"))
    return table

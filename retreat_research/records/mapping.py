"""How the columns of one long CSV file are called: a small TOML file that a clinician can write."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import InputError, must
from ..products import PRODUCTS, nearest
from .check import MOST_UNITS, indication_hint, product_hint
from .courses import CYCLE_COLUMNS
from .files import read_bytes
from .tables import RATERS


@dataclass(frozen=True)
class Treatment:
    """What one entry of the treatment column means."""

    product: str
    units: float


@dataclass(frozen=True)
class Rating:
    """What one rating column holds."""

    scale: str
    rater: str


@dataclass(frozen=True)
class LongMapping:
    """A long CSV file of assessments after one session per patient.

    Attributes
    ----------
    name : str
        The mapping's file name.
    indication : str
        What was treated.
    patient, week, treatment : str
        Columns of who, the weeks since the session, and what was injected.
    treatments : mapping of str to Treatment
        What each entry of the treatment column means.
    ratings : mapping of str to Rating
        Which scale and rater each rating column holds.
    covariates : tuple of str
        Columns to carry along, one value per patient.
    """

    name: str
    indication: str
    patient: str
    week: str
    treatment: str
    treatments: Mapping[str, Treatment]
    ratings: Mapping[str, Rating]
    covariates: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """Every column that the file must have."""
        return [self.patient, self.week, self.treatment, *self.ratings, *self.covariates]


def read_mapping(path: str | PathLike[str]) -> LongMapping:
    """Read a mapping.

    Raises
    ------
    InputError
        If the file is missing or not TOML, or names something that does not exist.

    Notes
    -----
    The mapping of the trial, ``data/mappings/cdystonia.toml``, shows all there is.
    """
    path = Path(path)
    content = read_bytes(path)
    try:
        entries = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path.name} is not valid TOML: {error}") from None
    except (RecursionError, ValueError):
        raise InputError(f"{path.name} is not valid TOML: nested too deeply, or a number too long") from None
    return _Reader(path.name).mapping(entries)


@dataclass(frozen=True)
class _Reader:
    """Checks entries one by one and says where in which file a wrong one stands."""

    file: str

    def mapping(self, entries: dict[str, Any]) -> LongMapping:
        self.keys(entries, "", {"indication", "patient", "week", "treatment", "treatments", "scales"}, {"covariates"})
        indication, patient, week, treatment = (
            self.text(entries[key], key) for key in ("indication", "patient", "week", "treatment")
        )
        hint = indication_hint(indication)
        must(not hint, f"{self.file}: unknown indication{hint}")
        covariates = entries.get("covariates", [])
        must(isinstance(covariates, list), f"{self.file}: `covariates` must be a list of columns")
        covariates = tuple(self.text(column, "covariates") for column in covariates)
        taken = [column for column in covariates if column in CYCLE_COLUMNS]
        must(
            not taken,
            f"{self.file}: the covariate `{next(iter(taken), '')}` has the name of a result",
            "rename the column",
        )
        treatments = self.table(entries["treatments"], "treatments")
        scales = self.table(entries["scales"], "scales")
        spec = LongMapping(
            name=self.file,
            indication=indication,
            patient=patient,
            week=week,
            treatment=treatment,
            treatments={entry: self.treatment(cell, f"treatments.{entry}") for entry, cell in treatments.items()},
            ratings={column: self.rating(cell, f"scales.{column}") for column, cell in scales.items()},
            covariates=covariates,
        )
        must(len(set(spec.columns)) == len(spec.columns), f"{self.file}: one column is used twice")
        same = set(spec.ratings.values())
        must(len(same) == len(spec.ratings), f"{self.file}: two columns hold one scale by one rater")
        return spec

    def treatment(self, cell: Any, where: str) -> Treatment:
        self.keys(self.table(cell, where), where, {"product", "units"}, set())
        product, units = self.text(cell["product"], f"{where}.product"), cell["units"]
        must(product in PRODUCTS, f"{self.file}: `{where}` has an unknown product{product_hint(product)}")
        number = isinstance(units, int | float) and not isinstance(units, bool) and 0 <= units <= MOST_UNITS
        must(number, f"{self.file}: `{where}.units` must be a number, 0 or more and at most {MOST_UNITS:,.0f}")
        must(
            (product == "placebo") == (units == 0),
            f"{self.file}: `{where}`: placebo has 0 units, a product more than 0",
        )
        return Treatment(product, float(units))

    def rating(self, cell: Any, where: str) -> Rating:
        self.keys(self.table(cell, where), where, {"scale"}, {"rater"})
        rater = self.text(cell.get("rater", RATERS[0]), f"{where}.rater")
        must(rater in RATERS, f"{self.file}: `{where}.rater` must be {' or '.join(RATERS)}")
        return Rating(self.text(cell["scale"], f"{where}.scale"), rater)

    def keys(self, table: dict[str, Any], where: str, needed: Collection[str], optional: Collection[str]) -> None:
        place = f" in `{where}`" if where else ""
        for key in table:
            known = key in needed or key in optional
            must(known, f"{self.file}: unknown key `{key}`{place}{nearest(key, [*needed, *optional])}")
        missing = sorted(set(needed) - set(table))
        must(not missing, f"{self.file}: no `{'`, `'.join(missing)}`{place}")

    def table(self, value: Any, where: str) -> dict[str, Any]:
        must(isinstance(value, dict) and bool(value), f"{self.file}: `{where}` must be a table with entries")
        return value

    def text(self, value: Any, where: str) -> str:
        must(isinstance(value, str) and bool(value.strip()), f"{self.file}: `{where}` must be a text")
        return value.strip()

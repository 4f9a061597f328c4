"""Botulinum-toxin products: serotype, antigen load and label doses, each with its source.

Units of different products are not interchangeable, so a dose always travels with its product.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Mapping

import pandas as pd

from .errors import InputError

#: The clinical uses a dose can be labelled for.
INDICATIONS = (
    "glabellar lines",
    "crow's feet",
    "forehead lines",
    "cervical dystonia",
    "blepharospasm",
    "spasticity",
    "axillary hyperhidrosis",
)

_LOAD_SOURCE = "Field et al., Toxins 2018;10:535, doi:10.3390/toxins10120535 (150-kDa neurotoxin by ELISA)"
_NO_LOAD = "no published load of 150-kDa neurotoxin: antigen is NaN"


@dataclass(frozen=True)
class Product:
    """One product.

    Attributes
    ----------
    name : str
        International non-proprietary name, or ``placebo``.
    serotype : str
        ``A``, ``B`` or ``none``.
    ng_per_unit : float
        ng of 150-kDa neurotoxin per labelled unit; NaN where none is published.
    complex_ng_per_unit : float
        ng of clostridial complex protein per labelled unit; NaN where none is published.
    label_units : mapping of str to float
        Usual total dose by indication, in this product's units.
    source : str
        Where load and doses come from.
    """

    name: str
    serotype: str
    ng_per_unit: float
    complex_ng_per_unit: float
    label_units: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    source: str = ""

    def antigen_ng(self, units: float) -> float:
        """Antigen of a dose, ng of 150-kDa neurotoxin (inactive included); NaN where the load is not published."""
        return 0.0 if units == 0 else units * self.ng_per_unit

"""What sessions and units cost, in the user's own money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ..errors import InputError, must, number
from ..products import PRODUCTS

#: Far beyond every price in any currency: assumed.
MOST = 1e12


@dataclass(frozen=True)
class Costs:
    """Cost of a session and of a unit, in any currency.

    Parameters
    ----------
    session : float
        One session without the product.
    unit : float or mapping of product to float
        One unit; a number alone is for whichever product is used, for units of different products differ in price.

    Notes
    -----
    Money of later years counts as much as that of today. The totals of a patient do not keep the units of different
    products apart, so the cost of a strategy that uses several is known only if a unit of each costs the same.

    Examples
    --------
    >>> costs = Costs(session=100, unit={"onabotulinumtoxinA": 5.0})
    >>> costs.price(("onabotulinumtoxinA",))
    5.0
    """

    session: float
    unit: Mapping[str, float] | float = field(default=0.0)

    def __post_init__(self) -> None:
        number(self.session, "session", 0, MOST)
        if not isinstance(self.unit, Mapping):
            number(self.unit, "unit", 0, MOST)
            return
        for product, price in self.unit.items():
            must(product in PRODUCTS, f"`unit` names no known product {product!r}", f"one of {', '.join(PRODUCTS)}")
            number(price, f"unit of {product}", 0, MOST)
        object.__setattr__(self, "unit", MappingProxyType(dict(self.unit)))

    def price(self, products: Sequence[str]) -> float | None:
        """Cost of a unit of these products, None if it is not the same for all.

        Raises
        ------
        InputError
            If no price of one of them is given.
        """
        if not isinstance(self.unit, Mapping):
            return float(self.unit) if len(products) <= 1 or self.unit == 0 else None
        for product in products:
            if product not in self.unit:
                raise InputError(f"`costs` has no price of a unit of {product}", "give `unit` a price for each product")
        prices = {float(self.unit[product]) for product in products}
        if len(prices) > 1:
            return None
        return prices.pop() if prices else 0.0

    def __reduce__(self) -> tuple[type[Costs], tuple[float, Mapping[str, float] | float]]:
        return Costs, (self.session, dict(self.unit) if isinstance(self.unit, Mapping) else self.unit)

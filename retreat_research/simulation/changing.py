"""The world as a strategy's care makes it for its own patients."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import must
from ..products import nearest
from ..strategies import Strategy
from ..strategies.base import CHANGEABLE
from ..world import World


def changed(world: World, strategy: Strategy) -> World:
    """`world` with the numbers that `strategy.changes` gives.

    Raises
    ------
    InputError
        If it changes what it may not, or to an impossible value.
    """
    changes = strategy.changes()
    must(isinstance(changes, Mapping), f"{strategy}: `changes` must return a dictionary, not {type(changes).__name__}")
    for name in changes:
        must(
            name in CHANGEABLE,
            f"{strategy}: care cannot change {name!r}{nearest(str(name), CHANGEABLE)}",
            f"`changes` may name {', '.join(CHANGEABLE)}",
        )
    return world.replace(**changes) if changes else world


def prepared(strategy: Strategy, world: World) -> Strategy:
    """The strategy as it treats the patients of a world.

    Raises
    ------
    InputError
        If `prepared` of the strategy gives something else than a strategy.
    """
    ready = strategy.prepared(world)
    kind = type(ready).__name__
    must(isinstance(ready, Strategy), f"{strategy}: `prepared` must return a strategy, not {kind}")
    return ready

"""What every page is made of: the template with its look, tables as HTML, figures in both formats, the manifest."""

from __future__ import annotations

import base64
import hashlib
import platform
from collections.abc import Mapping, Sequence
from html import escape
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import __version__
from ..records import TABLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def render(template: str, **values: Any) -> str:
    """A page from one of the templates beside this module; every value is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("retreat_research.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(**values)


def table_html(table: pd.DataFrame, index: bool = True) -> Any:
    """A table that scrolls on its own where the page is narrow."""
    from markupsafe import Markup

    shown = table.map(lambda cell: escape(str(cell)))
    shown.columns = [escape(str(c)) for c in shown.columns]
    if index:
        shown.index = pd.Index([escape(str(i)) for i in shown.index])
    with pd.option_context("display.max_colwidth", None):
        body = shown.to_html(index=index, escape=False, border=0, justify="left")
    return Markup(f'<div class="wide">{body}</div>')


def save_figure(figure: Figure, folder: Path, name: str, caption: str) -> dict[str, str]:
    """Write NAME.png and NAME.svg, the same bytes for the same figure; what a template needs to show it."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    with mpl.rc_context({"svg.fonttype": "path"}):
        figure.savefig(folder / f"{name}.png", metadata={"Software": None})
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    encoded = base64.b64encode((folder / f"{name}.png").read_bytes()).decode("ascii")
    return {"name": name, "caption": caption, "source": f"data:image/png;base64,{encoded}"}


def save_table(table: pd.DataFrame, folder: Path, name: str) -> None:
    """Write NAME.csv."""
    (folder / f"{name}.csv").write_text(table.to_csv(index=False, lineterminator="\n"), encoding="utf-8")


def versions(packages: Sequence[str]) -> dict[str, Any]:
    """The head of a manifest: which versions made it."""
    return {
        "retreat_research": __version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in packages},
    }


def hashes(inputs: Sequence[str | Path]) -> Mapping[str, str]:
    """SHA-256 of each file by name; of a folder its tables."""
    paths = [Path(p) for p in inputs]
    files = [f for p in paths for f in ((p / f"{t}.csv" for t in TABLES) if p.is_dir() else [p]) if f.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

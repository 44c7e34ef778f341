"""The figures of a study, drawn from plain arrays; the numbers come from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from nearedge.errors import NearedgeError
from nearedge.studies._figure_confusion import figure_confusion
from nearedge.studies._figure_curves import (
    Learning,
    Sweep,
    figure_averaged,
    figure_examples,
    figure_groups,
    figure_hidden_nodes,
    figure_learning,
)
from nearedge.studies._figure_networks import figure_networks
from nearedge.studies._figure_protocols import Protocol, Score, figure_protocols
from nearedge.studies._figure_regression import Regression, figure_regression
from nearedge.studies._figure_reliability import Reliability, figure_reliability
from nearedge.studies._figure_spectra import SiteSpectra, figure_spectra, typical_sites
from nearedge.studies.atoms import Cluster, cluster_around
from nearedge.studies.style import DPI, in_style

__all__ = [
    "Cluster",
    "Learning",
    "Protocol",
    "Regression",
    "Reliability",
    "Score",
    "SiteSpectra",
    "Sweep",
    "cluster_around",
    "figure_averaged",
    "figure_confusion",
    "figure_examples",
    "figure_groups",
    "figure_hidden_nodes",
    "figure_learning",
    "figure_networks",
    "figure_protocols",
    "figure_regression",
    "figure_reliability",
    "figure_spectra",
    "save_figures",
    "typical_sites",
]


def save_figures(figures: Mapping[str, Figure], folder: str | Path) -> dict[str, Path]:
    """Write each figure as ``<name>.png`` (200 dpi) and ``<name>.pdf``.

    The files carry no date and no program version, so that the same figure gives the same bytes.

    Parameters
    ----------
    figures
        Figures by the name of their files.
    folder
        Made if it does not exist; files of these names are replaced.

    Returns
    -------
    dict
        Path of the PNG of each figure.

    Raises
    ------
    NearedgeError
        If the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = save_figures({"empty": Figure(figsize=(1, 1))}, folder)
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['empty.pdf', 'empty.png']
    """
    folder = Path(folder)
    written = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with in_style():
            for name, figure in figures.items():
                written[name] = folder / f"{name}.png"
                figure.savefig(written[name], dpi=DPI, metadata={"Software": None})
                figure.savefig(
                    folder / f"{name}.pdf",
                    dpi=300,
                    metadata={"CreationDate": None, "Creator": None, "Producer": None},
                )
    except OSError as error:
        raise NearedgeError(
            f"{folder}: cannot write the figures ({error.strerror}); choose another folder"
        ) from error
    return written

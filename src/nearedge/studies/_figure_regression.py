"""Figure 4c: predicted against true average coordination number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from nearedge.errors import NearedgeError
from nearedge.studies.style import (
    FAINT,
    PART_COLOURS,
    DOUBLE_COLUMN_mm,
    add_axes,
    new_figure,
    panel_letter,
    styled,
)


@dataclass(frozen=True, eq=False)
class Regression:
    """True and predicted average coordination numbers of the test mixtures of one protocol.

    Parameters
    ----------
    true, predicted
        Shape (mixture,).
    constant_mse
        Mean squared error of the constant training mean on the same mixtures.

    Raises
    ------
    NearedgeError
        If there is no mixture, or the two differ in shape.
    """

    true: Float[np.ndarray, " mixture"]
    predicted: Float[np.ndarray, " mixture"]
    constant_mse: float

    def __post_init__(self) -> None:
        if self.true.shape != self.predicted.shape or not self.true.size:
            raise NearedgeError(
                "a regression needs as many predicted as true numbers and at least one, got "
                f"{self.predicted.shape} and {self.true.shape}"
            )


@styled
def figure_regression(pooled: Regression, held_out: Regression, group: str = "atoms") -> Figure:
    """Draw Fig. 4c: predicted against true average coordination number, in both protocols.

    Parameters
    ----------
    pooled, held_out
        Test mixtures of each protocol.
    group
        What the held-out test never saw in training: "atoms", "trajectories", "structures".

    Returns
    -------
    Figure
        Two columns wide, two panels on the same axes; above each stand its mean squared
        error, the root of it, that over the mean, R2, and the error of the constant training mean.
    """
    figure = new_figure(DOUBLE_COLUMN_mm, 90.0)
    every = np.concatenate([v for r in (pooled, held_out) for v in (r.true, r.predicted)])
    margin = 0.04 * (float(np.ptp(every)) or 1.0)
    limits = (float(every.min()) - margin, float(every.max()) + margin)
    panels = (
        ("a", "Pooled: averages that share raw spectra with training", "test", pooled),
        ("b", f"Held-out: averages over unseen {group}", "held-out", held_out),
    )
    for place, (letter, title, part, regression) in enumerate(panels):
        axes = add_axes(figure, 13.0 + place * 88.0, 14.0, 66.0, 66.0)
        axes.set(xlim=limits, ylim=limits, xlabel="True average coordination number")
        if place == 0:
            axes.set_ylabel("Predicted average coordination number")
        axes.set_title(f"{title}\n{_errors(regression)}", pad=5, linespacing=1.5)
        panel_letter(axes, letter, title_lines=3)
        axes.plot(limits, limits, color=FAINT, linewidth=0.7, zorder=1)
        axes.plot(
            regression.true,
            regression.predicted,
            "o",
            color=PART_COLOURS[part],
            markersize=2.2,
            markeredgewidth=0,
            alpha=float(np.clip(400 / regression.true.size, 0.25, 0.8)),
            rasterized=True,
        )
    return figure


def _errors(regression: Regression) -> str:
    error = regression.predicted - regression.true
    mse, rmse = float(np.mean(error**2)), float(np.sqrt(np.mean(error**2)))
    mean, variance = float(regression.true.mean()), float(regression.true.var())
    shares = [f"MSE {mse:.2g}", f"RMSE {rmse:.2g}"]
    if mean:
        shares.append(f"RMSE/mean {100 * rmse / mean:.2g} %")
    if variance:
        shares.append(f"R² {1 - mse / variance:.2f}".replace("-", "−"))
    return f"{', '.join(shares)}\nconstant training mean: MSE {regression.constant_mse:.2g}"

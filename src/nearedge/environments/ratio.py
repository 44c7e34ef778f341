"""Overall composition of a sample, where it follows from the average coordination."""

from __future__ import annotations

from typing import NamedTuple

from nearedge.environments.scheme import LabelScheme
from nearedge.errors import UsageError


class Ratio(NamedTuple):
    """Atoms of the neighbour elements per absorber, with the interval of the coordination number.

    The interval holds the ratio whenever that of the coordination number holds the coordination
    number and the neighbours' own coordination lies in the range of the scheme: its coverage is
    the same.
    """

    mean: float
    interval: tuple[float, float] | None


def overall_ratio(
    scheme: LabelScheme, mean: float, interval: tuple[float, float] | None = None
) -> Ratio | None:
    """Turn the average coordination number of a sample into its ratio of neighbours to absorbers.

    Every bond has an absorber at one end and a neighbour at the other. With n neighbours around an
    absorber on average and m absorbers around a neighbour, a sample of A absorbers and B
    neighbours has A n = B m bonds, so that B/A = n/m. It holds where the counts close: all
    neighbours are counted by the scheme, all absorbers are seen, and m is known from chemistry
    (`LabelScheme.absorbers_per_neighbour`), as for oxygens around a transition metal.

    Parameters
    ----------
    scheme
        Says how many absorbers a neighbour has, as a range.
    mean
        Average coordination number of the sample.
    interval
        The interval of `mean`, if it has one.

    Returns
    -------
    Ratio or None
        None where the scheme leaves the ratio undefined, or its target is not the coordination
        number. The mean is taken at the middle of the
        range, the interval at its ends.

    Raises
    ------
    UsageError
        If the interval does not hold the mean.

    Examples
    --------
    >>> from nearedge.environments.scheme import load_scheme
    >>> ratio = overall_ratio(load_scheme("li3feo35_oxygen"), 1.47, (1.40, 1.56))
    >>> round(ratio.mean, 3), [round(end, 3) for end in ratio.interval]
    (0.284, [0.255, 0.322])
    """
    if scheme.absorbers_per_neighbour is None or scheme.target is not None:
        return None
    low, high = scheme.absorbers_per_neighbour
    middle = 2.0 * max(mean, 0.0) / (low + high)
    if interval is None:
        return Ratio(middle, None)
    if not interval[0] <= mean <= interval[1]:
        raise UsageError(f"the interval {interval} does not hold the mean {mean}; give its own")
    return Ratio(middle, (max(interval[0], 0.0) / high, max(interval[1], 0.0) / low))

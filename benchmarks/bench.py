"""What rows are made of: sizes, pairs, goals, and what came out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from benchmarks.bundles import Bundle, Python

BASELINES: Final = Path(__file__).with_name("baselines")
MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the table; `met` is None where there is no goal. `baseline` says what the figure is compared with."""

    case: str
    baseline: str
    now: str
    goal: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """What rows work with. `quick` takes the smallest sizes, which show that everything runs and nothing else."""

    python: Python
    now: Bundle
    old: Bundle
    quick: bool = False
    say: Callable[[str], None] = field(default=lambda _: None)

    @property
    def both(self) -> tuple[Bundle, Bundle]:
        """The version of 1.0 and this one."""
        return self.old, self.now


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table. A row of kind `time` has the machine for itself, as far as the bench can see to that."""

    name: str
    title: str
    kind: Literal["count", "time"]
    measure: Callable[[Bench], Iterable[Outcome]]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two things measured in turns."""

    baseline: Sequence[float]
    now: Sequence[float]

    @property
    def ratio(self) -> float:
        """The median of the ratios of neighbours: what slows the machine down slows both of them."""
        return statistics.median(now / base for base, now in zip(self.baseline, self.now, strict=True))

    def told(self, unit: str = "ms", factor: float = 1000.0) -> tuple[str, str]:
        """Both medians in words."""
        base, now = statistics.median(self.baseline) * factor, statistics.median(self.now) * factor
        return f"{base:.3g} {unit}", f"{now:.3g} {unit}, {self.ratio:.2f} ×"


def pairs(baseline: Callable[[], float], now: Callable[[], float], count: int) -> Pairs:
    """Measure one, then the other, and again; which comes first changes."""
    first: list[float] = []
    second: list[float] = []
    for number in range(count):
        if number % 2:
            second.append(now())
            first.append(baseline())
        else:
            first.append(baseline())
            second.append(now())
    return Pairs(first, second)


def at_most(value: float, goal: float) -> bool:
    """Whether a goal is met."""
    return value <= goal


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def mid_and_max(values: Sequence[int]) -> str:
    """`1 / 3`."""
    return f"{percentile(values, 0.5):g} / {max(values)}"

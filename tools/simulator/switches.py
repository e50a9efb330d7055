"""What Testmo documents nowhere, as switches: a client must be right in every combination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Bounds = Literal["inclusive", "exclusive"]
Precision = Literal["millisecond", "second"]
Ties = Literal["ascending", "descending", "shuffled"]
CHOICES = {"bounds": get_args(Bounds), "precision": get_args(Precision), "ties": get_args(Ties)}  # of the control


@dataclass(slots=True)
class Switches:
    """How the API behaves where nobody knows; change a field at any time.

    Attributes:
        bounds: whether `created_after`, `closed_before` and the like include a row exactly on the bound.
        precision: whether bounds and stamps are compared to the millisecond or by whole seconds.
        ties: how rows with an equal sort key follow each other, in either order; "shuffled" changes with every
            request and is the same for the same `seed` and the same sequence of requests.
        seed: of "shuffled".
        counters_lead: True lets a run's counters see a late row before the lists do; False keeps both together.
        lists_deleted: whether softly deleted results stay in the lists, marked by `deleted_at`.
    """

    bounds: Bounds = "inclusive"
    precision: Precision = "millisecond"
    ties: Ties = "ascending"
    seed: int = 0
    counters_lead: bool = False
    lists_deleted: bool = True

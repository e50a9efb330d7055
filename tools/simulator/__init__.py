"""A faithful Testmo API on loopback, with scenarios that play themselves and faults on demand.

In reading order: `model` and `scene` (what there is), `world` (what people do), `api` and `endpoints` (how it is
answered), `faults` and `switches` (how it goes wrong), `simulator` (over HTTP), `scenarios` (stories), `command`.
"""

from tools.simulator.command import serve
from tools.simulator.model import StatusId
from tools.simulator.scenarios import load, scenario_names_with_descriptions
from tools.simulator.simulator import Simulator
from tools.simulator.switches import Switches
from tools.simulator.world import World

__all__ = ["Simulator", "StatusId", "Switches", "World", "load", "scenario_names_with_descriptions", "serve"]

"""A faithful Testmo API on loopback, with scenarios that play themselves and faults on demand.

model, scene     what there is                     world       what people do
api, endpoints/  how it is answered                listing     lists in order and in pages
query            parameters, checked               answers     envelopes and errors
views            rows as the API shows them        counters    the counters of runs and milestones
faults           how it goes wrong                 switches    how it behaves where Testmo's behaviour is unknown
simulator        all that over HTTP: loopback      control     driven from another terminal
pages            what a browser sees               command     `testmo-notifier simulator`
scenarios        stories that play themselves: story is what one is made of; release_day, shop
"""

from tools.simulator.command import serve
from tools.simulator.model import StatusId
from tools.simulator.scenarios import SCENARIOS, load
from tools.simulator.simulator import Simulator
from tools.simulator.switches import Switches
from tools.simulator.world import World

__all__ = ["SCENARIOS", "Simulator", "StatusId", "Switches", "World", "load", "serve"]

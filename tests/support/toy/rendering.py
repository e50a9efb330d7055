"""How a digest becomes a message of the toy: one text, in JSON."""

from __future__ import annotations

import json
from typing import Final

from testmo_notifier.channels.channel import Rendering
from testmo_notifier.channels.notation import plain_environment
from testmo_notifier.channels.render import Renderer
from testmo_notifier.model import Outgoing
from testmo_notifier.notices.view import Limits


def message(renderer: Renderer, outgoing: Outgoing) -> tuple[str, str]:
    words = renderer.text("toy_message.j2", renderer.view(outgoing.digest, Limits(5, 50, 0)))
    return "", json.dumps({"words": words})


RENDERING: Final = Rendering(message=message, environment=plain_environment, max_weight={"toy_message.j2": 500})

"""A channel as the recipe of CONTRIBUTING.md makes one: this folder, and a line in the registry (the fixture `toy`)."""

from __future__ import annotations

from typing import Final

from testmo_notifier.channels.channel import Channel

TOY: Final = Channel(package=__name__, title="Toy", parameter="ToySecretArn", is_queued=True)

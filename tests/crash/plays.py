"""A story played once without a strike, then once with each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from tests.crash.stage import Play, Stage
from tests.crash.verdict import Left, check_nothing_is_left, left_by


class Tale(Protocol):
    """What happens in a play. `webhooks` are those of the secret, `settings` the files that the team edits, by name."""

    @property
    def webhooks(self) -> tuple[str, ...]: ...

    @property
    def settings(self) -> Mapping[str, str]: ...

    def tell(self, stage: Stage, /) -> None:
        """What a strike may meet."""

    def end(self, stage: Stage, left: Left, /) -> None:
        """What nobody is killed in any more, and the verdict."""


@dataclass
class Played:
    """A play that was struck: which call it was, and what arrived twice because of it."""

    call: str
    left: Left


def every_play(play: Play, tale: Tale) -> Iterator[Played]:
    """Play a story without a strike, then with each."""
    with play(webhooks=tale.webhooks, settings=tale.settings) as stage:
        tale.tell(stage)
        calls, strikes = list(stage.network.effects), stage.network.every_strike()
        tale.end(stage, Left())
        check_nothing_is_left(stage)
    for strike in strikes:
        where = f"killed {strike.side} call {strike.at}, {calls[strike.at]}"
        try:
            with play(strike, webhooks=tale.webhooks, settings=tale.settings) as stage:
                tale.tell(stage)
                assert stage.network.struck is not None
                left = left_by(stage.network.struck, stage.destination_of)
                tale.end(stage, left)
                check_nothing_is_left(stage)
                assert stage.network.effects[: strike.at + 1] == calls[: strike.at + 1], "another order of calls"
        except BaseException as exc:
            exc.add_note(where)
            raise
        yield Played(calls[strike.at], left)
    print(f"{len(calls)} calls, {2 * len(calls)} crash points, {len(strikes)} plays")  # noqa: T201 - shown by pytest -s

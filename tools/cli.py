"""The `testmo-notifier` command."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Event

import click

from testmo_notifier.errors import ConfigurationError, NotifierError
from tools import check as checking
from tools import environment, local, preview_run, samples
from tools import pictures as take
from tools import preview as previewing
from tools.chromium import ChromiumFailed, NoChromium
from tools.inbox.receiver import Inbox
from tools.ops.commands import COMMANDS
from tools.simulator import command, scenarios
from tools.terminal import Terminal, say, say_json

CONFIGURATION_STATUS = 2  # what shells know as "you called it wrong"
SIMULATOR_PORT = 8375


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Testmo Notifier: run it on your own machine, and operate the stack that you deployed.

    `local`, `simulator`, `check`, `preview` and `pictures` touch no AWS account. The others work on a deployed stack.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:  # an old terminal's encoding may lack a sign; that is no reason to stop
            reconfigure(errors="replace")


@main.command(name="local")
@click.option("--polls", metavar="N", help="Stop after N polls (default: go on until stopped).")
@click.option("--interval", metavar="SECONDS", help="From one poll to the next (default: 60).")
@click.option("--emails", metavar="DIR", help="Write each email to a file in this folder.")
@click.option("--events", metavar="DIR", help="Write each JSON event to a file in this folder.")
@click.option("--inbox-port", metavar="P", help=f"Where the inbox listens (default: {environment.DEFAULT_INBOX_PORT}).")
@click.option(
    "--scenario",
    metavar="NAME",
    help=f"Play this story of the simulator and end with it: {', '.join(scenarios.SCENARIOS)}.",
)
def local_command(**flags: str | None) -> None:
    """Run the whole product on this machine.

    Deploys template.yaml with a real `sam deploy` to an AWS embedded in this command (or to the emulator at
    AWS_ENDPOINT_URL, where state outlives the command), polls, and shows every Slack message and email. Without any
    setting it needs no account: it polls a simulated Testmo and delivers to an inbox of its own.

    \b
    Environment:
      TESTMO_URL, TESTMO_TOKEN   your Testmo instance instead of the simulator
      SLACK_WEBHOOK_URL          your Slack channel instead of the inbox
      PROJECT_IDS, RUN_IDS, ALERT_STATUS_IDS, CREATED_BY_IDS, ASSIGNEE_IDS    what is watched
      OVERLAP_SECONDS, MAX_STALENESS_MINUTES, BACKFILL_HOURS, REQUESTS_PER_MINUTE, TIME_ZONE
      AWS_ENDPOINT_URL           an emulator on this machine

    Ends with status 0 if every poll succeeded and nothing is undelivered, 1 if not, 2 if it was told something
    wrong. Ctrl-C ends polling, finishes what is under way and reports; a second one stops at once.
    """  # noqa: D301 - \b is click's mark for lines to keep
    try:
        settings = environment.read(os.environ, environment.Flags(**flags))
    except ConfigurationError as exc:
        say(str(exc), error=True)
        sys.exit(CONFIGURATION_STATUS)
    sys.exit(local.run(settings, Terminal()))


@main.command()
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=SIMULATOR_PORT, show_default=True, help="0 is any free one."
)
@click.option("--scenario", type=click.Choice(list(scenarios.SCENARIOS)), default="default", show_default=True)
def simulator(port: int, scenario: str) -> None:
    """Run the simulated Testmo alone, until it is stopped."""
    try:
        command.serve(port, scenario)
    except OSError as exc:
        say(f"The simulator cannot listen on port {port}: {exc.strerror}", error=True)
        sys.exit(1)


@main.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=take.FOLDER, help="Default: docs/pictures."
)
def pictures(out: Path) -> None:
    """Take the README's pictures anew, if a message or the inbox page has changed. Needs Chromium."""
    try:
        is_new = take.make(out)
    except (NoChromium, ChromiumFailed) as exc:
        say(str(exc), error=True)
        sys.exit(1)
    say(f"took {len(take.PICTURES)} pictures into {out}" if is_new else f"the pictures in {out} are up to date")


@main.command()
@click.option("--polls", type=click.IntRange(1, 5_000), default=200, show_default=True)
@click.option("--seed", type=int, default=None, help="Repeat an earlier soak (default: a new one).")
def soak(polls: int, seed: int | None) -> None:
    """Let everything go wrong on the embedded stack for some minutes, then compare what was saved and announced.

    Ends with status 0 if nothing was lost and everything was delivered.
    """
    from tools.soak import Soak  # noqa: PLC0415 - nobody else needs it

    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    terminal = Terminal()
    terminal.note(f"seed {seed}")
    sys.exit(0 if Soak(terminal, polls=polls, seed=seed).play() else 1)


SETTINGS = click.option(
    "--settings",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=checking.settings_folder,
    help="A folder with routes.toml, issues.toml and templates/ (default: the settings layer's).",
)


@main.command()
@SETTINGS
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def check(settings: Path, *, as_json: bool) -> None:
    """Check what a team edits: routes, issue links, templates, and the settings in the environment.

    Prints every problem as `file:line: what is wrong, next step`; ends with status 0 if there is none but warnings,
    else 1.
    """
    found = checking.problems(settings, os.environ)
    is_ok = all(problem.is_warning for problem in found)
    if as_json:
        say_json({"ok": is_ok, "problems": [asdict(problem) for problem in found]})
    else:
        for problem in found:
            say(str(problem))
        Terminal().verdict(checking.verdict(settings, found), is_ok=is_ok)
    sys.exit(0 if is_ok else 1)


@main.command()
@click.option("--channel", type=click.Choice(["all", *previewing.CHANNELS]), default="all", show_default=True)
@click.option(
    "--sample",
    "names",
    type=click.Choice(["all", *samples.NAMES]),
    multiple=True,
    help="What to show; may be repeated (default: release).",
)
@click.option("--run", "run_ids", type=click.IntRange(1), metavar="ID", multiple=True, help="A run of your Testmo.")
@click.option("--page", type=click.IntRange(0, 65_535), metavar="PORT", help="Show it on the inbox page as well.")
@click.option("--builder", is_flag=True, help="Print a link to Slack's Block Kit Builder below each Slack message.")
@SETTINGS
@click.option("--json", "as_json", is_flag=True, help="Print messages as JSON.")
def preview(
    *,
    channel: str,
    names: Sequence[str],
    run_ids: Sequence[int],
    page: int | None,
    builder: bool,
    settings: Path,
    as_json: bool,
) -> None:
    """Show what messages look like, with your templates and issue links. Publishes nothing.

    With --run, the latest failing results of that run are read from TESTMO_URL with TESTMO_TOKEN, and shown as if they
    were all new; no checkpoint moves. Ends with status 1 if a template breaks or a run cannot be read.
    """
    try:
        maker = previewing.renderer(settings, os.environ)
        access = preview_run.Access.from_env(os.environ) if run_ids else None
    except ConfigurationError as exc:
        say(str(exc), error=True)
        sys.exit(CONFIGURATION_STATUS)
    try:
        shown = preview_run.runs(access, run_ids) if access else previewing.chosen(names)
    except NotifierError as exc:
        say(str(exc), error=True)
        sys.exit(1)
    previews = previewing.render(shown, previewing.CHANNELS if channel == "all" else [channel], maker)
    if as_json:
        say_json([one.as_json() for one in previews])
    else:
        previewing.tell(previews, Terminal(), with_builder=builder)
    for problem in dict.fromkeys(maker.problems):
        say(f"{problem}; the built-in text is shown. `testmo-notifier check` says more.", error=True)
    if page is not None:
        serve_page(page, previews)
    sys.exit(1 if maker.problems else 0)


def serve_page(port: int, previews: Sequence[previewing.Preview]) -> None:
    """Show messages on the inbox page until Ctrl-C."""
    try:
        inbox = Inbox(port)
    except OSError as exc:
        say(f"The page cannot listen on port {port}: {exc.strerror}", error=True)
        sys.exit(1)
    with inbox, suppress(KeyboardInterrupt):
        previewing.fill(inbox, previews)
        say(f"On {inbox.url} until Ctrl-C", error=True)
        Event().wait()


for operation in COMMANDS:
    main.add_command(operation)


if __name__ == "__main__":
    main()

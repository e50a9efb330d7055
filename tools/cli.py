"""The `testmo-notifier` command: names, flags and help. What a command does is imported when it is called."""
# ruff: noqa: PLC0415 - so that `--help` and the Tab key do not wait for it

from __future__ import annotations

import os
import random
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tools.lib.asked import CONTEXT, Group, OneOf
from tools.lib.processes import ROOT, SETTINGS
from tools.lib.saying import say, say_json
from tools.ops.commands import COMMANDS

if TYPE_CHECKING:
    from tools.settings.preview import Preview

PROGRAM: Final = "testmo-notifier"
CHANNELS: Final = "testmo_notifier.channels.registry:CHANNELS"  # looked up when somebody asks, like these
SAMPLES: Final = "tools.settings.samples:NAMES"
SCENARIOS: Final = "tools.simulator.scenarios:SCENARIOS"
SIMULATOR_PORT: Final = 8375
AUDIENCES: Final = {
    "On this machine, without an AWS account": ("local", "preview", "check", "route", "simulator"),
    "A stack that you deployed: look": ("doctor", "status", "deliveries", "dry-run", "people"),
    "A stack that you deployed: act": (
        *("send-test", "subscribe", "silence", "redrive", "rewind", "pause", "resume", "drain"),
    ),
    "This command, and whoever works on it": ("completion", "pictures", "soak"),
}


def tell_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's
    """Say which version this checkout is, and end."""
    if wanted and not ctx.resilient_parsing:
        from tools.lib.version import version

        say(f"{PROGRAM} {version()}")
        ctx.exit()


@click.group(
    cls=Group, audiences=AUDIENCES, context_settings=CONTEXT, epilog="`testmo-notifier COMMAND --help` has examples."
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=tell_version,
    help="Say which version this is; `status` and `doctor` say which one a stack runs.",
)
def main() -> None:
    """Testmo Notifier: run it on your own machine, and operate the stack that you deployed."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:  # an old terminal's encoding may lack a sign; that is no reason to stop
            reconfigure(errors="replace")


@main.command(
    name="local",
    examples=[
        ("testmo-notifier local --scenario release-day --interval 2", "a release day on a simulated Testmo"),
        ("testmo-notifier local --polls 3 --emails mails", "three polls, each mail as a file"),
        (
            "TESTMO_URL=https://example.testmo.net TESTMO_TOKEN=… testmo-notifier local",
            "your own Testmo, nothing deployed",
        ),
    ],
)
@click.option("--polls", metavar="N", help="Stop after N polls (default: go on until stopped).")
@click.option("--interval", metavar="SECONDS", help="From one poll to the next (default: 60).")
@click.option("--emails", metavar="DIR", help="Write each email to a file in this folder.")
@click.option("--events", metavar="DIR", help="Write each JSON event to a file in this folder.")
@click.option("--inbox-port", metavar="P", help="Where the inbox listens (default: 8377).")
@click.option(
    "--scenario",
    type=OneOf(SCENARIOS, is_checked=False),
    help="Play this story of the simulator and end with it.",
)
@click.option("--bots", is_flag=True, help="The inbox's Slack has bots instead of webhooks.")
def local_command(*, bots: bool, **flags: str | None) -> None:
    """Run the whole product on this machine.

    Deploys template.yaml with a real `sam deploy` to an AWS embedded in this command (or to the emulator at
    AWS_ENDPOINT_URL, where state outlives the command), polls, and shows every Slack message and email. Without any
    setting it needs no account: it polls a simulated Testmo and delivers to an inbox of its own.

    \b
    Environment:
      TESTMO_URL, TESTMO_TOKEN   your Testmo instance instead of the simulator
      SLACK_WEBHOOK_URL          your Slack channel instead of the inbox
      SLACK_SECRET               several of them, like {"default": "https://…", "payments": "https://…"}, or bots
      SETTINGS_DIR               a folder with routes.toml, people.toml, issues.toml, templates/ of your own
      PROJECT_IDS, RUN_IDS, ALERT_STATUS_IDS, CREATED_BY_IDS, ASSIGNEE_IDS    what is watched
      OVERLAP_SECONDS, MAX_STALENESS_MINUTES, BACKFILL_HOURS, REQUESTS_PER_MINUTE, TIME_ZONE
      AWS_ENDPOINT_URL           an emulator on this machine
      HTTPS_PROXY, NO_PROXY      the way out of your network, if there is no other

    Ends with status 0 if every poll succeeded and nothing is undelivered, 1 if not, 2 if it was told something
    wrong. Ctrl-C ends polling, finishes what is under way and reports; a second one stops at once.
    """  # noqa: D301 - \b is click's mark for lines to keep
    from tools.lib.terminal import Terminal
    from tools.local import command as local
    from tools.local import environment

    settings = environment.read(os.environ, environment.Flags(**flags), bots=bots)
    sys.exit(local.run(settings, Terminal()))


@main.command(
    examples=[
        ("testmo-notifier simulator --scenario release-day", "a run that turns red, step by step"),
        ("testmo-notifier simulator --port 0", "on any free port"),
    ]
)
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=SIMULATOR_PORT, show_default=True, help="0 is any free one."
)
@click.option("--scenario", type=OneOf(SCENARIOS), default="default", show_default=True)
def simulator(port: int, scenario: str) -> None:
    """Run the simulated Testmo alone, until it is stopped."""
    from tools.simulator import command

    try:
        command.serve(port, scenario)
    except OSError as exc:
        say(f"The simulator cannot listen on port {port} ({exc.strerror}): --port 0 takes any free one", error=True)
        sys.exit(1)


@main.command(examples=[("testmo-notifier pictures", "after a change of templates, renderer or page")])
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / "docs" / "pictures",
    help="Default: docs/pictures.",
)
def pictures(out: Path) -> None:
    """Take the README's pictures anew, if a message or the inbox page has changed. Needs Chromium."""
    from tools.maintain import pictures as take
    from tools.maintain.chromium import ChromiumFailed, NoChromium

    try:
        is_new = take.make(out)
    except (NoChromium, ChromiumFailed) as exc:
        say(str(exc), error=True)
        sys.exit(1)
    say(f"took {len(take.PICTURES)} pictures into {out}" if is_new else f"the pictures in {out} are up to date")


@main.command(examples=[("testmo-notifier soak --polls 50 --seed 7", "a short one that can be repeated")])
@click.option("--polls", type=click.IntRange(1, 5_000), default=200, show_default=True)
@click.option("--seed", type=int, default=None, help="Repeat an earlier soak (default: a new one).")
def soak(polls: int, seed: int | None) -> None:
    """Let everything go wrong on the embedded stack for some minutes, then compare what was saved and announced.

    Ends with status 0 if nothing was lost and everything was delivered.
    """
    from tools.lib.terminal import Terminal
    from tools.maintain.soak import Soak

    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    terminal = Terminal()
    terminal.note(f"seed {seed}")
    sys.exit(0 if Soak(terminal, polls=polls, seed=seed).play() else 1)


OF_FOLDER = click.option(
    "--settings",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=SETTINGS,
    envvar="SETTINGS_DIR",
    help="A folder with routes.toml, people.toml, issues.toml and templates/ (default: the settings layer's).",
)


@main.command(
    examples=[
        ("testmo-notifier check", "before every deploy, and in CI"),
        ("testmo-notifier check --settings ../our-settings --json", "another folder, for a program"),
    ]
)
@OF_FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def check(settings: Path, *, as_json: bool) -> None:
    """Check what a team edits: routes, people, issue links, templates, and the settings in the environment.

    Prints every problem as `file:line: what is wrong, next step`; ends with status 0 if there is none but warnings,
    else 1. With TESTMO_URL and TESTMO_TOKEN it warns of projects, statuses and people that Testmo does not have,
    with SLACK_SECRET of Slack destinations that are not in it.
    """
    from tools.lib.terminal import Terminal
    from tools.settings import check as checking

    found = checking.problems(settings, os.environ)
    is_ok = all(problem.is_warning for problem in found)
    if as_json:
        say_json({"ok": is_ok, "problems": [problem.as_json() for problem in found]})
    else:
        for problem in found:
            say(str(problem))
        Terminal().verdict(checking.verdict(settings, found), is_ok=is_ok)
    sys.exit(0 if is_ok else 1)


@main.command(
    examples=[
        ("testmo-notifier preview --channel slack", "your templates, on a realistic sample"),
        ("testmo-notifier preview --destination slack:payments --sample again", "as one channel of yours gets it"),
        ("testmo-notifier preview --sample all --page 8378", "every sample, in the browser"),
        (
            "TESTMO_URL=https://example.testmo.net TESTMO_TOKEN=… testmo-notifier preview --run 42",
            "what is failing in a run of yours",
        ),
    ]
)
@click.option("--channel", type=OneOf(CHANNELS, "all"), default="all", show_default=True)
@click.option("--destination", metavar="NAME", help="With the templates and options of this one, like slack:payments.")
@click.option(
    "--sample",
    "names",
    type=OneOf(SAMPLES, "all"),
    multiple=True,
    help="What to show; may be repeated (default: release).",
)
@click.option("--run", "run_ids", type=click.IntRange(1), metavar="ID", multiple=True, help="A run of your Testmo.")
@click.option("--page", type=click.IntRange(0, 65_535), metavar="PORT", help="Show it on the inbox page as well.")
@click.option("--builder", is_flag=True, help="Print a link to Slack's Block Kit Builder below each Slack message.")
@OF_FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print messages as JSON.")
def preview(
    *,
    channel: str,
    destination: str | None,
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
    from tools.lib.terminal import Terminal
    from tools.settings import preview as previewing

    destinations = previewing.destinations(destination, channel)
    maker = previewing.renderer(settings, os.environ)
    if run_ids:
        from tools.settings import preview_run

        shown = preview_run.runs(preview_run.Access.from_env(os.environ), run_ids)
    else:
        shown = previewing.chosen(names)
    previews = previewing.render(shown, destinations, maker)
    if as_json:
        say_json([one.as_json() for one in previews])
    else:
        previewing.tell(previews, Terminal(), with_builder=builder)
    for problem in dict.fromkeys(maker.problems):
        say(f"{problem}; the built-in text is shown. `testmo-notifier check` says more.", error=True)
    if page is not None:
        serve_page(page, previews)
    sys.exit(1 if maker.problems else 0)


class RunResult(click.ParamType):  # type: ignore[type-arg]  # only newer versions of click know one
    """A result's id, or RUN/RESULT."""

    name = "id"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[int | None, int]:
        """The run, where it is said, and the result."""
        found = re.fullmatch(r"(?:([1-9][0-9]*)/)?([1-9][0-9]*)", str(value))
        if found is None:
            self.fail(f"{value!r} is no result: give RUN/RESULT like 42/538, or --run 42 --result 538", param, ctx)
        return (int(found[1]) if found[1] else None), int(found[2])


@main.command(
    examples=[
        ("testmo-notifier route --sample all", "who would hear of every sample"),
        (
            "TESTMO_URL=https://example.testmo.net TESTMO_TOKEN=… testmo-notifier route --run 42",
            "of what is failing in a run of yours",
        ),
        ("testmo-notifier route --result 42/538 --settings ../our-settings", "of one result, by other routes"),
    ]
)
@click.option(
    "--sample", "names", type=OneOf(SAMPLES, "all"), multiple=True, help="May be repeated (default: release)."
)
@click.option("--run", "run_ids", type=click.IntRange(1), metavar="ID", multiple=True, help="A run of your Testmo.")
@click.option("--result", "results", type=RunResult(), metavar="[RUN/]ID", multiple=True, help="One result of a run.")
@OF_FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def route(
    *,
    names: Sequence[str],
    run_ids: Sequence[int],
    results: Sequence[tuple[int | None, int]],
    settings: Path,
    as_json: bool,
) -> None:
    """Explain who would hear of a finding, and why nobody else.

    For each: which routes take it, which do not and by which key, where it would go and for which reasons, whom it
    would call, and what nobody asks for. Findings that go the same way stand together.

    With --run, the latest failing results of that run are read from TESTMO_URL with TESTMO_TOKEN; with --result, one of
    them, old or new. Nothing is published, no checkpoint moves. Ends with status 1 if a run or a result cannot be read.
    """
    from tools.lib.terminal import Terminal
    from tools.settings import route as routing
    from tools.settings import route_command

    found = route_command.explained(settings, os.environ, names, run_ids, results)
    if as_json:
        say_json([one.as_json() for one in found])
    else:
        routing.tell(found, Terminal())


def serve_page(port: int, previews: Sequence[Preview]) -> None:
    """Show messages on the inbox page until Ctrl-C."""
    from threading import Event

    from tools.inbox.receiver import Inbox

    try:
        inbox = Inbox(port)
    except OSError as exc:
        say(f"The page cannot listen on port {port} ({exc.strerror}): --page 0 takes any free one", error=True)
        sys.exit(1)
    with inbox, suppress(KeyboardInterrupt):
        for told in (one.notification for one in previews):
            inbox.show(told.channel, told.message, subject=told.subject)
        say(f"On {inbox.url} until Ctrl-C", error=True)
        Event().wait()


@main.command(
    examples=[
        ('eval "$(testmo-notifier completion bash)"', "in ~/.bashrc; zsh alike in ~/.zshrc"),
        ("testmo-notifier completion fish > ~/.config/fish/completions/testmo-notifier.fish", "for fish, once"),
    ]
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete commands, flags and names with the Tab key."""
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click knows these three
    click.echo(made(main, {}, PROGRAM, "_TESTMO_NOTIFIER_COMPLETE").source())


for operation in COMMANDS:
    main.add_command(operation)


if __name__ == "__main__":
    main()

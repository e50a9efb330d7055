"""The `testmo-notifier` command."""

from __future__ import annotations

import os
import sys

import click

from testmo_notifier.errors import ConfigurationError
from tools import environment, local
from tools.simulator import command, scenarios
from tools.terminal import Terminal

CONFIGURATION_STATUS = 2  # what shells know as "you called it wrong"
SIMULATOR_PORT = 8375


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Testmo Notifier on your own machine; nothing here touches a real AWS account."""
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
        click.echo(str(exc), err=True)
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
        click.echo(f"The simulator cannot listen on port {port}: {exc.strerror}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()

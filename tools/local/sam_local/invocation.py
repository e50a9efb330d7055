"""One `sam local invoke`: a built function in a container, and what it answered."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.lib import processes
from tools.local.build import SAM, Build


class InvocationFailed(Exception):
    """The function raised, was cut off, or did not run at all; says what there is to say."""


@dataclass(frozen=True, slots=True)
class SamLocal:
    """How functions are invoked: from which build and image, with which variables, in which environment."""

    build: Build
    image: str
    variables: Path
    environ: Mapping[str, str]
    cache: Path

    def invoke(self, function: str, event: Path) -> Mapping[str, object]:
        """The function's answer; raises `InvocationFailed`."""
        command = [str(SAM), "local", "invoke", function, "--template", str(self.build.template)]
        command += ["--event", str(event), "--env-vars", str(self.variables)]
        command += ["--invoke-image", self.image, "--skip-pull-image", "--layer-cache-basedir", str(self.cache)]
        with tempfile.TemporaryFile() as log:
            finished = processes.run(command, env=self.environ, errors=log)
            log.seek(0)
            return judge(finished.status, finished.output, log.read().decode(errors="replace"))


def judge(status: int | None, output: str, log: str) -> Mapping[str, object]:
    """What SAM CLI's output means: its exit status is 0 for an error of the function and for a time-out, too."""
    lines = output.strip().splitlines()
    end_of_log = processes.Finished(status, log).tail(15)
    if status:
        raise InvocationFailed(f"`sam local invoke` failed:\n{end_of_log}")
    if not lines:
        raise InvocationFailed(f"the function said nothing, as after a time-out:\n{end_of_log}")
    try:
        answer = json.loads(lines[-1])
    except ValueError:
        raise InvocationFailed(f"the function did not answer with JSON: {lines[-1][:500]}") from None
    if not isinstance(answer, dict) or "errorType" in answer:
        raise InvocationFailed(f"the function failed: {lines[-1][:2_000]}")
    return answer

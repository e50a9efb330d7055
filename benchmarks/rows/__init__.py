"""The rows of the table, in its order; each module holds some that belong together."""

from __future__ import annotations

from typing import Final

from benchmarks.bench import Row
from benchmarks.rows import capacity, cold_start, cost, flood, known, naive, quiet, reading, slack, waiting

ROWS: Final[tuple[Row, ...]] = (
    Row(
        "waiting",
        "A fresh failure beside open runs, 120 requests a minute: polls until told (p50 / max)",
        "count",
        waiting.runs,
    ),
    Row("projects", "The same with a run in each of many projects", "count", waiting.projects),
    Row("busy", "Runs with news every minute, for 40 minutes", "count", waiting.busy),
    Row("quiet", "A quiet poll: requests beyond the lists, reads and writes of the table", "count", quiet.counts),
    Row("quiet_cpu", "A quiet poll over HTTPS: processor time", "time", quiet.cpu),
    Row("quiet_growth", "A quiet poll: processor time as runs grow tenfold", "time", quiet.growth),
    Row(
        "cold_start",
        "Cold start, as shipped (processor time to the end of the first call)",
        "time",
        cold_start.measure,
    ),
    Row(
        "reading",
        "Reading results against bare urllib3 and json.loads (processor time beyond a quiet poll)",
        "time",
        reading.measure,
    ),
    Row("flood", "Very many failing results in one run: told, and the most memory", "count", flood.measure),
    Row("known", "Runs with many known failing tests, quiet", "time", known.measure),
    Row("naive", "A working day against the best naive script", "time", naive.measure),
    Row("slack", "Save to Slack, the last of some messages, by the moment of saving (p99)", "count", slack.measure),
    Row("cost", "List price a month", "count", cost.measure),
    Row("capacity", "Runs that one invocation can follow, budget lifted", "time", capacity.measure),
)

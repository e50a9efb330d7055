"""What a team edits: checked and shown.

check            every file and the environment, all problems at once
check_templates  a team's own templates, with every sample          remarks      what `check` says: what, and where
check_routes     routes that match nothing, or ask in vain          check_names  names that Testmo knows nothing of
preview          what messages look like                            preview_run  with the real results of a run
users            who works in Testmo                                slips        what is no TOML, and what it should be
route            who would hear of a finding, and why nobody else: route_findings (which there are), route_command,
                 calm_words (when each would)
samples          the digests for both                               rehearsal    a scenario in one process, without AWS
"""

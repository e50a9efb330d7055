"""What people run on their own machine: the `testmo-notifier` command. Nothing here is deployed.

cli          the command and its flags; a room for each audience does the work
local/       run the whole product on this machine
settings/    check and preview what a team edits
ops/         look after a stack that is deployed
simulator/   a faithful Testmo on loopback
inbox/       receives and shows what Slack and mailboxes would
maintain/    for whoever changes the code: mutants, soak, pictures, pages out of code, releases
lib/         what several packages share
"""

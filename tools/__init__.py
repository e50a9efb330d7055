"""What people run on their own machine: the `testmo-notifier` command. Nothing here is deployed.

cli          the command and its flags        environment  what it is told, checked before anything starts
local        the whole product on this machine: session by session
stack        template.yaml on an AWS (real `sam deploy`)    build  `sam build`, once per state of the sources
ministack    the embedded AWS                 aws          where that is, and its clients
captures     mail and events that went out    folders      files that never overwrite each other
inbox/       receives and shows what Slack would           simulator/   a faithful Testmo
terminal     what is printed                  blocks       a Slack message as text
pictures     the README's, taken from the inbox             rehearsal    a scenario without AWS, in one process
check        what a team edits, all problems at once        check_templates  its templates
preview      what messages look like                       preview_run  with real results
samples      digests for both                              reference    makes docs/templates.md
chromium     headless, for pictures and tests
processes    children that never outlive us   leash        how
"""

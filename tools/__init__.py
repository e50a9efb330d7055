"""What people run on their own machine: the `testmo-notifier` command. Nothing here is deployed.

cli          the command and its flags        environment  what it is told, checked before anything starts
local        the whole product on this machine: session by session
stack        template.yaml on an AWS (real `sam deploy`)    build  `sam build`, once per state of the sources
ministack    the embedded AWS                 aws          where that is, and its clients
captures     mail and events that went out    folders      files that never overwrite each other
inbox/       receives what Slack would        simulator/   a faithful Testmo
terminal     what is printed                  blocks       a Slack message as text
processes    children that never outlive us   leash        how
"""

"""The flow, one line per module, in reading order.

poll        the use case: what it sends, reads, decides, writes and sends, in this order
parts       what a poll works with    lease    one poller at a time, and what it keeps about itself
discovery   which projects there are         projects       and their runs, open and just closed
due         which of them are to be read now    backlog    what is left for later polls, and since when
hidden      which runs Testmo does not show
reader      reads the runs that are due, a few at a time
commit      checkpoint and outbox in one write
remember    what the next poll builds on    report    what this one did
statuses    which ids the statuses have that are watched by name
reading     the pages of one run, once each
detect      which rows are new failing results, and the next checkpoint
digest      what one message is about: order, group, cap
handover    from the outbox to SNS            case_names     the names of cases
rate_limit  how often Testmo is asked
route       which digests go to which destinations
issues      where linked issues lead
text        other people's words made harmless and short    markup    HTML notes as lines
mail        whether our own addresses still get mail
pauses      what a night leaves of lateness    troubles       which alarms last through it
view        a digest as templates see it     context        the fields they see
render      a digest as Slack blocks, as mail and as a JSON event
notation    how templates write for a channel
slack_blocks  what they wrote for Slack, as Block Kit
bounds      how much a team's own template may do
model       the nouns                errors         what can go wrong, by what to do about it
config      the settings             observability  logs and metrics
version     which version this is
adapters/   whatever leaves the process: http, testmo, store, topic, slack, secrets
"""

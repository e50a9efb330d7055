"""The flow, one line per module, in reading order.

poll        the use case on one screen: lease, hand over, discover, read, commit, hand over
steps       each of these steps
discovery   which projects there are         projects       and their runs, open and just closed
due         which of them are to be read now
statuses    which ids the statuses have that are watched by name
reading     the pages of one run, once each
detect      which rows are new failing results, and the next checkpoint
digest      what one message is about: order, group, cap
handover    from the outbox to SNS            cases          the names of cases
politeness  how often Testmo is asked
routing     which digests go to which destinations
issues      where linked issues lead
text        other people's words made harmless and short    markup    HTML notes as lines
mail        whether our own addresses still get mail
pauses      what a night leaves of lateness    troubles       which alarms last through it
view        a digest as templates see it     context        the fields they see
channels/   a folder a channel: slack, email, event
registry    every channel there is       channel        what a channel declares of itself
render      a digest as a message of its channel
notation    how templates write for a channel
rendering   how one channel makes its message (in each channel's folder)
blocks      what templates wrote for Slack, as Block Kit
secret      Slack's webhooks             alarms         CloudWatch's alarms as Slack messages
transport   one post to Slack, and what its answer means
bounds      how much a team's own template may do
delivery/   the queue's side: inbound (whose a message is), deliver (what becomes of it), pacing (when)
model       the nouns                errors         what can go wrong, by what to do about it
config      the settings             observability  logs and metrics
version     which version this is
adapters/   whatever leaves the process: http, testmo, store, topic, slack, secrets
"""

"""The map: a line for every package and every module. docs/architecture.md draws it, and says how to extend it.

poll.py                the story of one poll, and the place to begin
config.py              the settings of both functions, checked all together
errors.py              what can go wrong, by what to do about it
ports.py               what the use cases need from the outside
observability.py       logs and metrics
lean.py                `dataclass`, whose methods are written when there were many instances
version.py             which version this is
importing.py           how functions import: from one file, without a look for garbage

model/                 the nouns: frozen values, a file per subject
  testmo.py            projects, runs, results, cases, and what to look at
  digests.py           what one message is about
  held.py              what is told later on purpose
  state.py             what is kept between two polls
  queue.py             what waits for a channel, and its pace

polling/               the steps of a poll
  setup.py             what a poll works with
  lease.py             one poller at a time
  backlog.py           what was left undone, and since when
  hidden.py            runs that Testmo does not show
  choose.py            which runs are read now, and their checkpoints
  due.py               why a run is due, and what comes first
  marks.py             what makes a run not due, in a few bytes
  reader.py            runs read, a few at a time
  commit.py            the one write of checkpoint, mark, outbox and what is held
  circumstances.py     why something is held, in which order
  hold_or_tell.py      what of a reading is told at once, and what is held
  release.py           what was held, told when it is due
  held_items.py        what is held, read and written, and given to those who are told instead
  outboxes.py          which outboxes wait, and since when
  handover.py          from the outbox to SNS
  remember.py          what is kept for the next poll
  rate_limit.py        how often Testmo is asked
  lanes.py             how many requests are under way at a time
  case_names.py        names for case ids
  follow_up_questions.py  what they may take of a poll, and have to know
  emails.py            whose the addresses in people.toml are
  statuses.py          ids of the statuses that are watched by name
  mail.py              whether our own addresses still get mail
  troubles.py          which alarms last through a pause
  report.py            what the poll did, for logs and people

sources/               where results come from, a folder per source
sources/testmo_runs/   test runs with manual or API results
  discovery.py         which projects there are
  projects.py          their runs, open and just closed
  worker_pool.py       who lists them, and who waits and keeps the lease
  turns.py             whose turn comes once a period
  reading.py           one run read: what is new, who is told of it, the next checkpoint
  paging.py            the pages of one run, so that no row slips
  watch.py             which results count as failing
  window.py            the stretch of time a read looks at, and how it moves on
  known.py             which failing results were told
  sweep.py             why a sweep is due, and what it finds
  follow_up.py         what passed in between, what is well again, and that a run is over
  passes.py            which failing tests passed in between
  recovered.py         which tests are well again, by all their latest results
  detect.py            which rows are new failing results

notices/               what there is to tell, and to whom
  digest.py            one message for each destination: ordered, counted, capped
  named.py             how a result is told
  judge.py             why it is told: new, again or changed
  gathered.py          the new failing results of a run, page by page
  recipients.py        who is told of each of them, and why
  audience.py          who is told of a finding, why, and what keeps it back
  holding.py           what the team set: silences, quiet hours, times
  calm.py              when a destination wants to be told: now, or at which time
  merge.py             what is held, merged into one, and what is told of it in the end
  fold.py              several runs in one message
  standings.py         how the tests of a run stand, for a message that shows it
  routes.py            what a route is: whom it leads to, for which reasons, and whom it calls
  matching.py          what routes may ask about, and which of them take a finding
  issue_links.py       where linked issues lead
  view.py              a digest as templates see it
  several.py           one about several runs, by cause and run by run
  story.py             what happened to a test before, in words
  context.py           the fields they see

text/                  other people's text, made harmless and short
  cleaning.py          without what steers whatever shows it
  shortening.py        cut between characters, as a reader sees them
  notes.py             HTML notes as clean, short text
  markup.py            HTML as lines: what in it is a tag, and what is text
  page.py              what tags and texts do to the lines
  nesting.py           the elements that are open
  numbering.py         bullets, and 1, a or iv before the items of a list
  lines.py             the lines as they are written
  tags.py              start tags, comments and references
  elements.py          what HTML's elements are

settings/              what a team edits, read and checked
  team.py              all of it, and what holds where something is wrong
  routes_file.py       `routes.toml`, read and checked
  options_file.py      the options of destinations in it
  issues_file.py       `issues.toml`
  people.py            who somebody in Testmo is in Slack: `people.toml`
  values.py            numbers, names, times and days in a team's files
  places.py            their TOML, and on which line of it something stands

channels/              ways to tell people and programs, a folder per channel
  registry.py          every channel there is
  channel.py           what a channel declares of itself
  render.py            a digest as a message of its channel
  notation.py          how templates write
  bounds.py            how much a team's own template may do
channels/email/        mail by SNS
  rendering.py         a digest as mail
channels/event/        JSON for programs
  rendering.py         a digest as an event
channels/slack/        Slack through incoming webhooks and bots, in the order in which to read it
  rendering.py         a digest as a Slack message
  notation.py          how templates write for Slack
  blocks.py            what a template wrote, as Block Kit
  mentions.py          whom a message calls
  transport.py         one post, and what its answer means
  secret.py            the webhooks and bots in the secret
  answers.py           one request to Slack, and how long it asks to wait
  alarms.py            CloudWatch's alarms as messages
  web_api.py           one call of a bot's, and what its answer means
  thread.py            a bot's one message of a run, its thread, and what is kept of them
  run_entry.py         what that message learns of a digest
  run_message.py       what it says: told, merged, shown

delivery/              the queue side
  inbound.py           whose a message is
  effects.py           what it does to the world, by the channels of a stack
  deliver.py           what happens to each message of a batch
  pacing.py            one message a second, and pauses

adapters/              AWS and HTTP; nothing else leaves the process
  machine.py           clients, clock, chance and threads: what a function runs on
  http.py              the one place that speaks HTTP
  testmo.py            the Testmo API, read only
  testmo_answers.py    what an answer means: JSON, a pause, an error
  testmo_rows.py       its JSON as nouns
  light.py             huge JSON made light while it arrives
  store.py             the state in DynamoDB
  transaction.py       several writes or none, and why they were refused
  items.py             each noun as an item, and back
  passing.py           how far passing results were read, the same
  overflow.py          sets that have no room in their checkpoint's item
  outbox.py            outboxes as few bytes
  held.py              what is held, as items, and the writes that change it
  told.py              what is known of failing tests, as few bytes
  silences.py          silences as JSON, and back
  compact.py           large sets of ids in few bytes
  topic.py             SNS
  mailboxes.py         who is subscribed to it
  queue.py             SQS, and the dead letters
  destinations.py      what invocations share of a destination: its pace, and its state of each run
  idempotency.py       once only
  secrets.py           secrets by ARN
  heartbeat.py         the watch from outside

wiring/                what each function runs on
  poller.py            adapters as the setup of a poll, and a renderer that is made with the first message
  delivery.py          adapters as the effects of a delivery
"""

"""What arrived in `local`, for people: a webhook that takes what Slack would, and a page that shows it live.

receiver   HTTP on loopback: the webhook, the page, what the page asks for
workspace  bots of a Slack: messages, threads, edits, as its Web API answers
entries    what arrived, the last 500, and a way to wait for more
page/      HTML, CSS and JavaScript as they are served: no build, no framework, nothing from elsewhere
"""

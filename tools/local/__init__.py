"""Run it here: the whole product on this machine, without an account.

command      `testmo-notifier local`: starts everything, in order, and ends it
session      polls, shows what went out, and gives the verdict
environment  what it is told by flags and variables, checked before anything starts
stack        template.yaml deployed by a real `sam deploy`      build      `sam build`, once per state of the sources
ministack    the embedded AWS
poller       one poll of a deployed stack, invoked                captures   the mail and events that went out
sam_local/   both functions in real containers, by `sam local invoke`
"""

"""What several of its packages share.

aws        where the AWS is, and its clients        terminal   what is printed: verdicts, notes, progress
blocks     a Slack message as text                  saying     plain lines and JSON, on the right stream
asked      commands, flags and help, as click has them
processes  children that never outlive us           leash      how that is done
stopping   Ctrl-C once and twice                    folders    files that never overwrite each other
stamps     times as Testmo writes them              addresses  who writes to whom where no mail is sent
version    which version this checkout is          overlay    the real state, read and never written
sqs        what lies in a queue of SQS
testmo     a Testmo as a command asks it
"""

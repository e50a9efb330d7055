"""What the engineer who operates a stack types, for a stack on AWS and for one on an emulator alike.

commands      what there is, and its flags          exit_status  how each of them ends, errors included
account       whose AWS, and which stack            records      what the table says
wiring        the product's parts, as the stack has them             logs         what the functions said last
doctor        what is wrong, and how to fix it: check_work (stack, polls), check_testmo,
              check_routes, check_ways (channels, queues), check_held (what is held and silenced)
findings      what a check finds                    advice       the next step for each reason
status        how things are                        deliveries   what was sent, and what became of it;
              why_not: why not to somebody
held          what is told later on purpose, and why
silence       hear nothing of something for a while: silence_asked has what may be asked for
dry_run       one poll that changes nothing: overlay keeps its writes to itself
people        who works in Testmo, and has no entry in people.toml
send_test     a message to try the way out          subscriptions  `subscribe`, and who gets mail
dead_letters  what is parked                        redrive      sends it again
rewind        announces again                       schedule     pause and resume
repeat        the same for one destination alone
drain         prepares the way back to an older version
aws_errors    AWS's errors in words                 times        spans and ages in words
"""

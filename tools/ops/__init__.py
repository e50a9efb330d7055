"""What the engineer who operates a stack types, for a stack on AWS and for one on an emulator alike.

In reading order: `commands` (what there is, and its flags), `conduct` (errors and exit statuses), `account` (whose AWS,
which stack), `records` (what the table says), then one file per command.
"""

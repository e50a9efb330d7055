"""For whoever changes the code.

mutants         breaks every rule on purpose and sees its test fail     mutants_sample  breaks the product at random
soak            minutes of everything going wrong, then the accounts    soak_slack      the Slack that does
reference       writes docs/templates.md                                limits          writes docs/limits.md
manual          the help in docs/commands.md
pictures        takes the README's pictures from the inbox              chromium        the headless browser for it
release         keeps what a version deploys, for the test that upgrades from it
"""

"""For whoever changes the code.

mutants         breaks every rule on purpose and sees its test fail     mutants_sample  breaks the product at random
soak            minutes of everything going wrong, then the accounts    soak_slack      the Slack that does
reference       the tables of docs/templates.md                         limits          those of docs/limits.md
manual          the help in docs/commands.md                            pages           how they get there
pictures        takes the README's pictures from the inbox              chromium        the headless browser for it
release         keeps what a version deploys, for the test that upgrades from it
"""

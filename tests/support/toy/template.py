"""The third step of the recipe: what the toy adds to template.yaml, each change as the recipe words it."""

from __future__ import annotations

import re

PARAMETER = """
  ToySecretArn:
    Type: String
    Default: ""
    Description: Complete ARN of the secret that holds the toy's address. Empty means no toy
"""
DELIVERY = ("SlackFunction", "SlackRole", "SlackLogGroup", "SlackSubscription", "OpsSlackSubscription")
ALARMS = ("SlackLateAlarm", "DestinationGoneAlarm", "SlackErrorsAlarm", "SlackThrottlesAlarm", "SlackSlowAlarm")
WEBHOOKS = """              - Sid: Webhooks
                Effect: Allow
                Action: secretsmanager:GetSecretValue
                Resource: !Ref SlackSecretArn
"""
SECRETS = """              - !If
                - HasSlack
                - Sid: Webhooks
                  Effect: Allow
                  Action: secretsmanager:GetSecretValue
                  Resource: !Ref SlackSecretArn
                - !Ref AWS::NoValue
              - !If
                - HasToy
                - Sid: Toys
                  Effect: Allow
                  Action: secretsmanager:GetSecretValue
                  Resource: !Ref ToySecretArn
                - !Ref AWS::NoValue
"""
NAMES = """
            !Sub
              - "${Slack}${Email}${Toy}event"
              - Slack: !If [HasSlack, "slack,", ""]
                Email: !If [HasEmail, "email,", ""]
                Toy: !If [HasToy, "toy,", ""]"""


def with_toy(template: str) -> str:
    """template.yaml with the toy in it; raises `AssertionError` where it is not as the recipe takes it to be."""

    def put(place: str, there: str) -> None:
        nonlocal template
        assert template.count(place) == 1, place
        template = template.replace(place, there)

    put("[SlackSecretArn, EmailAddress]", "[SlackSecretArn, EmailAddress, ToySecretArn]")
    put("\n  EmailAddress:\n    Type", f"{PARAMETER}\n  EmailAddress:\n    Type")
    has_slack = '  HasSlack: !Not [!Equals [!Ref SlackSecretArn, ""]]\n'
    has_toy = '  HasToy: !Not [!Equals [!Ref ToySecretArn, ""]]\n'
    put(has_slack, f"{has_slack}{has_toy}  HasDelivery: !Or [!Condition HasSlack, !Condition HasToy]\n")
    reaches_mail = '!Not [!Equals [!Ref EmailAddress, ""]]]\n        AssertDescription: Give SlackSecretArn or'
    put(reaches_mail, reaches_mail.replace("]]]", ']], !Not [!Equals [!Ref ToySecretArn, ""]]]') + " ToySecretArn or")
    put(' !If [HasSlack, !If [HasEmail, "slack,email,event", "slack,event"], "email,event"]', NAMES)
    for name in (*DELIVERY, *ALARMS, "SlackFunctionName"):
        head = re.search(rf"^  {name}:\n(?:    Type: .*\n)?    Condition: ", template, re.MULTILINE)
        assert head is not None, name
        put(f"{head[0]}HasSlack\n", f"{head[0]}HasDelivery\n")
    arn = "          SLACK_SECRET_ARN: !Ref SlackSecretArn\n"
    put(arn, f"{arn}          TOY_SECRET_ARN: !Ref ToySecretArn\n")
    put(WEBHOOKS, SECRETS)
    put("channel: [slack]", "channel: [slack, toy]")
    return template

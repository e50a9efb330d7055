"""The third step of the recipe: what the toy adds to template.yaml, each change as the recipe words it."""

from __future__ import annotations

PARAMETER = """
  ToySecretArn:
    Type: String
    Default: ""
    Description: Complete ARN of the secret that holds the toy's address. Empty means no toy
"""
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


def with_toy(template: str) -> str:
    """template.yaml with the toy in it; raises `AssertionError` where it is not as the recipe takes it to be."""

    def put(place: str, there: str) -> None:
        nonlocal template
        assert template.count(place) == 1, place
        template = template.replace(place, there)

    put("[SlackSecretArn, EmailAddress]", "[SlackSecretArn, EmailAddress, ToySecretArn]")
    put("\n  EmailAddress:\n    Type", f"{PARAMETER}\n  EmailAddress:\n    Type")
    has_toy = '  HasToy: !Not [!Equals [!Ref ToySecretArn, ""]]\n'
    has_delivery = '  HasDelivery: !Not [!Equals [!Ref SlackSecretArn, ""]]'
    put(has_delivery, f"{has_toy}  HasDelivery: !Or [!Condition HasSlack, !Condition HasToy]")
    reaches_mail = '!Not [!Equals [!Ref EmailAddress, ""]]]\n        AssertDescription: Give SlackSecretArn or'
    put(reaches_mail, reaches_mail.replace("]]]", ']], !Not [!Equals [!Ref ToySecretArn, ""]]]') + " ToySecretArn or")
    put("${Slack}${Email}event", "${Slack}${Email}${Toy}event")
    email = '                Email: !If [HasEmail, "email,", ""]\n'
    put(email, f'{email}                Toy: !If [HasToy, "toy,", ""]\n')
    arn = "          SLACK_SECRET_ARN: !Ref SlackSecretArn\n"
    put(arn, f"{arn}          TOY_SECRET_ARN: !Ref ToySecretArn\n")
    put(WEBHOOKS, SECRETS)
    put("channel: [slack]", "channel: [slack, toy]")
    return template

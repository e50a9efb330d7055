"""docs/ci/deploy-role.yaml against what AWS says each resource type needs: enough, and no more.

The emulator's CloudFormation takes no role and asks nobody for rights (it says so: "RoleARN is accepted and not
used"), so that ExecutionRole suffices cannot be seen there. DeployRole can: tests/stack/test_ci.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.support.commands import CI
from tests.support.template import RESOURCES, Loader

ROLES: Final[dict[str, Any]] = yaml.load((CI / "deploy-role.yaml").read_text("utf-8"), Loader)  # noqa: S506 - a SafeLoader
STACK: Final = "testmo-notifier"
NAMES: Final = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "deploy-testmo-notifier",
    "StackName": STACK,
    "ArtefactBucket.Arn": "arn:aws:s3:::artefacts",
    "Boundary": "arn:aws:iam::123456789012:policy/deploy-testmo-notifier-Boundary-1",
    "ExecutionRole.Arn": "arn:aws:iam::123456789012:role/deploy-testmo-notifier-ExecutionRole-1",
    "KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1",
    "SecretArns": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:testmo-AbCdEf",
}
HERE: Final = "eu-central-1:123456789012"

# What template.yaml becomes; tests/stack/test_ci.py compares it with a stack.
BECOMES: Final = {
    "AWS::Serverless::Function": [
        "AWS::Lambda::Function", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping",
        "AWS::Scheduler::Schedule",
    ],
    "AWS::Serverless::LayerVersion": ["AWS::Lambda::LayerVersion"],
}  # fmt: skip
TYPES: Final = sorted({one for found in RESOURCES.values() for one in BECOMES.get(found["Type"], [found["Type"]])})

# What AWS's schemas list for properties that template.yaml does not set.
NOT_OURS: Final = {
    "a VPC or a file system": ["ec2:*", "elasticfilesystem:*", "s3files:*"],
    "other ways to run code": [
        "lambda:PassCapacityProvider", "lambda:AssociateRuntimeAlias", "lambda:*FunctionConcurrency",
        "lambda:PutFunctionScalingConfig", "lambda:PutRuntimeManagementConfig", "lambda:PutFunctionRecursionConfig",
        "lambda:PublishVersion",
    ],
    "code signing": [
        "lambda:GetCodeSigningConfig", "lambda:PutFunctionCodeSigningConfig", "lambda:DeleteFunctionCodeSigningConfig",
    ],
    "streams, imports and replicas of a table": [
        "kinesis:*", "dynamodb:EnableKinesisStreamingDestination", "dynamodb:DisableKinesisStreamingDestination",
        "dynamodb:UpdateKinesisStreamingDestination", "dynamodb:DescribeImport", "dynamodb:ImportTable",
        "dynamodb:*TableReplica", "s3:ListBucket", "s3:GetObjectMetadata", "iam:CreateServiceLinkedRole",
    ],
    "items of a table, for replicas": [
        "dynamodb:Scan", "dynamodb:Query", "dynamodb:*Item", "logs:CreateLogStream", "logs:DescribeLogStreams",
        "logs:PutLogEvents",
    ],
    "a policy of a table": ["dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy"],
    "nobody deletes the state": ["dynamodb:DeleteTable"],
    "a key is given by its ARN": ["kms:ListAliases"],
    "policies that are managed elsewhere": ["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
    "no role loses its boundary": ["iam:DeleteRolePermissionsBoundary"],
    "masking, delivery and indexes of logs": [
        "logs:PutDataProtectionPolicy", "logs:DeleteDataProtectionPolicy", "logs:CreateLogDelivery",
        "s3:REST.PUT.OBJECT", "firehose:*", "logs:PutResourcePolicy", "logs:DeleteResourcePolicy",
        "logs:PutIndexPolicy", "logs:DeleteIndexPolicy", "logs:DeleteRetentionPolicy",
        "logs:PutLogGroupDeletionProtection",
        "logs:PutBearerTokenAuthentication",
    ],
    "masking and feedback of topics": ["sns:PutDataProtectionPolicy"],
}  # fmt: skip
# The same where it is so for one type only: roles and endpoints of topics, code of a table, keys of a mapping's filter.
NOT_OF_TYPE: Final = {
    "AWS::DynamoDB::Table": ["s3:GetObject", "logs:*"],
    "AWS::Lambda::EventSourceMapping": ["kms:*"],
    "AWS::SNS::Subscription": ["iam:*"],
    "AWS::SNS::Topic": ["iam:*", "sns:Unsubscribe"],
}

# Beyond the schemas.
BEYOND: Final = {
    "cloudformation:CreateChangeSet",  # the SAM transform
    "iam:PutRolePermissionsBoundary",  # a boundary is given to a role that had none, or another
    "lambda:GetFunctionConfiguration",  # how CloudFormation waits until a function is ready
}

ROLE: Final = f"arn:aws:iam::123456789012:role/{STACK}-PollerRole-AbC"
ARNS: Final = {
    "AWS::CloudWatch::Alarm": f"arn:aws:cloudwatch:{HERE}:alarm:{STACK}-NoPollAlarm-AbC",
    "AWS::CloudWatch::Dashboard": "arn:aws:cloudwatch::123456789012:dashboard/Dashboard-AbC",
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{HERE}:table/{STACK}-StateTable-AbC",
    "AWS::IAM::Role": ROLE,
    "AWS::Lambda::EventInvokeConfig": f"arn:aws:lambda:{HERE}:function:{STACK}-PollerFunction-AbC",
    "AWS::Lambda::EventSourceMapping": f"arn:aws:lambda:{HERE}:event-source-mapping:1b2c",
    "AWS::Lambda::Function": f"arn:aws:lambda:{HERE}:function:{STACK}-PollerFunction-AbC",
    "AWS::Lambda::LayerVersion": f"arn:aws:lambda:{HERE}:layer:{STACK}-common:1",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{HERE}:log-group:{STACK}-PollerLogGroup-AbC:*",
    "AWS::SNS::Subscription": f"arn:aws:sns:{HERE}:{STACK}-NotificationTopic-AbC",
    "AWS::SNS::Topic": f"arn:aws:sns:{HERE}:{STACK}-NotificationTopic-AbC",
    "AWS::SNS::TopicPolicy": f"arn:aws:sns:{HERE}:{STACK}-NotificationTopic-AbC",
    "AWS::SQS::Queue": f"arn:aws:sqs:{HERE}:{STACK}-SlackQueue-AbC",
    "AWS::SQS::QueuePolicy": f"arn:aws:sqs:{HERE}:{STACK}-SlackQueue-AbC",
    "AWS::Scheduler::Schedule": f"arn:aws:scheduler:{HERE}:schedule/{STACK}-ScheduleGroup-A/{STACK}-Polls-A",
    "AWS::Scheduler::ScheduleGroup": f"arn:aws:scheduler:{HERE}:schedule-group/{STACK}-ScheduleGroup-AbC",
}  # fmt: skip
OTHERS: Final = {
    "iam:PassRole": ROLE,
    "s3:GetObject": "arn:aws:s3:::artefacts/testmo-notifier/1",
    "s3:GetObjectVersion": "arn:aws:s3:::artefacts/testmo-notifier/1",
    "scheduler:DeleteSchedule": ARNS["AWS::Scheduler::Schedule"],  # a group goes with all that is in it
    "lambda:GetLayerVersion": f"arn:aws:lambda:{HERE}:layer:{STACK}-common:1",
    "kms": "arn:aws:kms:eu-central-1:123456789012:key/1",
}
CONTEXT: Final = {
    "lambda:FunctionArn": f"arn:aws:lambda:{HERE}:function:{STACK}-SlackFunction-AbC",
    "iam:PermissionsBoundary": NAMES["Boundary"],
}
PASSED_TO: Final = {
    "AWS::Lambda::Function": "lambda.amazonaws.com",
    "AWS::Scheduler::Schedule": "scheduler.amazonaws.com",
}


@cache
def schema(kind: str) -> Mapping[str, Any]:
    """AWS's own description of a resource type, as cfn-lint brings it along."""
    found_at = find_spec("cfnlint")
    assert found_at
    assert found_at.origin
    folder = Path(found_at.origin).parent / "data" / "schemas"
    names = json.loads((folder / "providers" / "us-east-1.json").read_text("utf-8"))
    found: Mapping[str, Any] = json.loads((folder / "resources" / f"{names[kind]}.json").read_text("utf-8"))
    return found


def needed(kind: str) -> set[str]:
    """The actions with which CloudFormation makes, reads, updates and deletes what we have of a type."""
    handlers = schema(kind)["handlers"]
    listed = {one for name in handlers if name != "list" for one in handlers[name].get("permissions", [])}
    listed |= set(schema(kind).get("tagging", {}).get("permissions", []))
    patterns = [pattern for found in NOT_OURS.values() for pattern in found] + NOT_OF_TYPE.get(kind, [])
    return {one for one in listed if not any(fnmatchcase(one, pattern) for pattern in patterns)}


def resolved(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A part of the template with its references put in, and every condition true."""
    if isinstance(value, list):
        return [resolved(one) for one in value if resolved(one) is not None]
    if not isinstance(value, dict):
        return value
    match list(value.items()):
        case [("Ref" | "Fn::GetAtt", str(name))]:
            return NAMES.get(name)
        case [("Fn::Sub", str(text))]:
            return re.sub(r"\$\{([^}]+)\}", lambda found: NAMES[found[1]], text)
        case [("Fn::If", [_, yes, _])]:
            return resolved(yes)
    return {name: resolved(one) for name, one in value.items()}


def many(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def statements_of(role: str) -> list[dict[str, Any]]:
    policies = ROLES["Resources"][role]["Properties"]["Policies"]
    return [one for policy in policies for one in resolved(policy["PolicyDocument"]["Statement"])]


def holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    """Whether each key fits one of its values."""
    return all(
        any(fnmatchcase(context.get(key, ""), value) for value in many(values))
        for test in condition.values()
        for key, values in test.items()
    )


def is_allowed(role: str, action: str, arn: str, context: Mapping[str, str]) -> bool:
    """IAM's answer, as far as these policies go."""
    fitting = [
        one["Effect"]
        for one in statements_of(role)
        if any(fnmatchcase(action, pattern) for pattern in many(one["Action"]))
        and any(fnmatchcase(arn, pattern) for pattern in many(one["Resource"]))
        and holds(one.get("Condition", {}), context)
    ]
    return "Allow" in fitting and "Deny" not in fitting


def target(kind: str, action: str) -> str:
    """What an action on a resource of a type is about."""
    return OTHERS.get(action) or OTHERS.get(action.partition(":")[0]) or ARNS[kind]


@pytest.mark.parametrize("kind", TYPES)
def test_the_execution_role_may_do_what_aws_says_a_resource_of_this_type_needs(kind: str) -> None:
    context = {**CONTEXT, "iam:PassedToService": PASSED_TO.get(kind, "")}
    actions = needed(kind)
    assert actions
    missing = [one for one in sorted(actions) if not is_allowed("ExecutionRole", one, target(kind, one), context)]
    assert missing == []


def test_the_execution_role_may_do_nothing_that_no_resource_needs() -> None:
    allowed = {
        action for one in statements_of("ExecutionRole") if one["Effect"] == "Allow" for action in many(one["Action"])
    }
    assert not [action for action in allowed if "*" in action]
    assert allowed - {action for kind in TYPES for action in needed(kind)} - BEYOND == set()


def test_what_is_left_out_is_still_listed_by_aws() -> None:
    """An exemption without an object would hide a change."""
    listed = {
        action
        for kind in TYPES
        for handler in schema(kind)["handlers"].values()
        for action in handler.get("permissions", [])
    }
    for pattern in [pattern for found in NOT_OURS.values() for pattern in found]:
        assert any(fnmatchcase(one, pattern) for one in listed), pattern


UNNAMED: Final = {
    "QueueMapping", "SubscriptionsWhichAwsChecksByNoName", "LogGroupsAreFoundByListing", "QueueMappingOfOwnFunctions",
    "QueueMappingTags", "Dashboard",
}  # fmt: skip


@pytest.mark.parametrize("one", statements_of("ExecutionRole"), ids=lambda one: one["Sid"])
def test_the_execution_role_touches_only_what_is_named_after_the_stack(one: dict[str, Any]) -> None:
    if one["Effect"] == "Deny" or one["Sid"] in UNNAMED:
        return
    fixed = (NAMES["ArtefactBucket.Arn"], NAMES["KmsKeyArn"], "arn:aws:cloudformation:eu-central-1:aws:transform/")
    assert all(f"{STACK}-*" in arn or arn.startswith(fixed) for arn in many(one["Resource"]))


@pytest.mark.parametrize(
    ("action", "arn", "context"),
    [
        ("iam:CreateRole", ROLE, {}),  # without the boundary
        ("iam:PutRolePolicy", ROLE, {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        ("iam:PassRole", ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}),
        ("iam:UpdateAssumeRolePolicy", "arn:aws:iam::123456789012:role/Admin", CONTEXT),
        ("iam:UpdateAssumeRolePolicy", NAMES["ExecutionRole.Arn"], CONTEXT),
        ("lambda:CreateEventSourceMapping", "*", {"lambda:FunctionArn": f"arn:aws:lambda:{HERE}:function:payroll"}),
        ("lambda:UpdateFunctionCode", f"arn:aws:lambda:{HERE}:function:payroll", CONTEXT),
        ("dynamodb:DeleteTable", ARNS["AWS::DynamoDB::Table"], CONTEXT),
        ("dynamodb:GetItem", ARNS["AWS::DynamoDB::Table"], CONTEXT),
        ("secretsmanager:GetSecretValue", NAMES["SecretArns"], CONTEXT),
    ],
)
def test_the_execution_role_may_not(action: str, arn: str, context: Mapping[str, str]) -> None:
    assert not is_allowed("ExecutionRole", action, arn, context)


def test_the_boundary_allows_what_the_roles_of_the_template_are_allowed() -> None:
    granted = {
        action
        for role in ("PollerRole", "SlackRole", "ScheduleRole")
        for policy in RESOURCES[role]["Properties"]["Policies"]
        for one in policy["PolicyDocument"]["Statement"]
        for action in many((one["Fn::If"][1] if "Fn::If" in one else one)["Action"])
    }
    boundary = resolved(ROLES["Resources"]["Boundary"]["Properties"]["PolicyDocument"]["Statement"])
    assert {action for one in boundary for action in many(one["Action"])} == granted
    assert [one["Action"] for one in boundary if one["Resource"] == "*"] == ["sns:GetSubscriptionAttributes"]


def test_the_ci_may_do_what_the_doctor_is_said_to_need() -> None:
    """docs/commands.md names a service once for all its actions that follow."""
    page = (CI.parent / "commands.md").read_text("utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith("| [`doctor`]")]
    needs, last = {"cloudformation:DescribeStacks", "cloudformation:ListStackResources"}, ""
    for word in re.findall(r"`([A-Za-z]+(?::[A-Za-z]+)?)`", row.split("|")[3]):
        last = word.partition(":")[0] if ":" in word else last
        needs.add(word if ":" in word else f"{last}:{word}")
    assert len(needs) > 10
    assert needs <= {action for one in statements_of("DeployRole") for action in many(one["Action"])}


def test_the_deploy_role_trusts_one_subject_of_one_issuer() -> None:
    text, given = ROLES["Resources"]["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Fn::Sub"]
    assert list(given) == ["Provider"]
    (trust,) = json.loads(re.sub(r"\$\{([^}]+)\}", r"<\1>", text))["Statement"]
    assert trust["Principal"] == {"Federated": "<Provider>"}
    assert trust["Condition"] == {"StringEquals": {"<Issuer>:aud": "<Audience>", "<Issuer>:sub": "<Subject>"}}


@pytest.mark.parametrize(
    ("subject", "is_taken"),
    [
        ("repo:example/testmo-notifier:environment:production", True),
        ("repo:example@1234/testmo-notifier@5678:environment:production", True),
        ("project_path:example/testmo-notifier:ref_type:branch:ref:main", True),
        ("repo:example/*", False),
        ("repo:example/testmo-notifier:*", False),
        ("*", False),
        ("repo:example/testmo-notifier:ref:refs/heads/${branch}", False),
        ('repo:example/x", "y', False),
    ],
)  # fmt: skip
def test_a_subject_that_would_let_in_others_is_refused(subject: str, is_taken: bool) -> None:  # noqa: FBT001 - a table
    assert bool(re.search(ROLES["Parameters"]["Subject"]["AllowedPattern"], subject)) is is_taken


def test_no_name_of_the_stack_is_cut_which_would_end_the_roles_rights() -> None:
    """Names of functions, roles and schedules end at 64 characters; AWS adds two hyphens and 13 characters."""
    short = ("AWS::IAM::Role", "AWS::Serverless::Function")
    names = [name for name, found in RESOURCES.items() if found["Type"] in short] + ["PollerFunctionPolls"]
    assert 30 + max(map(len, names)) + 2 + 13 <= 64
    pattern = ROLES["Parameters"]["StackName"]["AllowedPattern"]
    assert [bool(re.search(pattern, "a" * length)) for length in (1, 30, 31)] == [True, True, False]


def test_the_template_and_its_policies_fit_aws_limits() -> None:
    """10,240 and 6,144 characters, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html.

    The names here are of middling length, so there is some room left.
    """
    assert (CI / "deploy-role.yaml").stat().st_size < 51_200, "larger ones go through a bucket"
    for role in ("DeployRole", "ExecutionRole"):
        assert sum(size(one["PolicyDocument"]) for one in ROLES["Resources"][role]["Properties"]["Policies"]) < 8_000
    assert size(ROLES["Resources"]["Boundary"]["Properties"]["PolicyDocument"]) < 4_000


def size(policy: object) -> int:
    return len(json.dumps(resolved(policy), separators=(",", ":")))

"""What template.yaml says, rule 6 and the schedule of docs/runbook.md included, where no emulator would notice it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from testmo_notifier import config
from testmo_notifier.channels.registry import queued
from testmo_notifier.config import VariableReader
from testmo_notifier.errors import Problem
from tests.support.template import PARAMETER, RESOURCES, ROOT, TEMPLATE, actions, properties, statements
from tools.local.environment import parameter

ROLES = [name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::IAM::Role"]
FUNCTIONS = [name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::Serverless::Function"]
QUEUES = [name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::SQS::Queue"]
TOPICS = [name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::SNS::Topic"]


def policy_of(kind: str, name: str, key: str) -> list[dict[str, Any]]:
    """The statements of the resource policy that covers a queue or topic."""
    found = [
        resource["Properties"]["PolicyDocument"]["Statement"]
        for resource in RESOURCES.values()
        if resource["Type"] == kind and {"Ref": name} in resource["Properties"][key]
    ]
    assert len(found) == 1, f"{name} has {len(found)} policies"
    statements: list[dict[str, Any]] = found[0]
    return statements


# ----- Parameters ------------------------------------------------------------------------------------------


def test_the_parameters_have_the_names_others_rely_on() -> None:
    assert set(PARAMETER) == {
        "TestmoUrl", "TestmoSecretArn", "SlackSecretArn", "EmailAddress", "OpsEmailAddress", "ProjectIds", "RunIds",
        "AlertStatusIds", "CreatedByIds", "AssigneeIds", "PollSchedule", "PollScheduleState", "OverlapSeconds",
        "MaxStalenessMinutes", "BackfillHours", "RequestsPerMinute", "TimeZone", "LogRetentionDays", "Architecture",
        "SilenceMinutes", "HeartbeatSecretArn", "KmsKeyArn", "PermissionsBoundaryArn", "DashboardState",
    }  # fmt: skip


def test_only_the_address_and_the_token_must_be_given() -> None:
    assert [name for name, parameter in PARAMETER.items() if "Default" not in parameter] == [
        "TestmoUrl",
        "TestmoSecretArn",
    ]


def test_the_parameters_stand_in_the_order_in_which_the_console_asks_for_them() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert list(PARAMETER) == [name for group in groups for name in group["Parameters"]]


def test_the_alarms_stand_together_in_the_order_of_the_runbook() -> None:
    page = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    heads = [line.partition(" · ")[0] for line in page.splitlines() if line.startswith("`") and " · " in line]
    in_page = [name for head in heads for name in re.findall(r"`(\w+Alarm)`", head)]
    resources = list(RESOURCES)
    first = resources.index(in_page[0])
    assert resources[first : first + len(in_page)] == in_page
    assert not [name for name in resources if name.endswith("Alarm") and name not in in_page]


@pytest.mark.parametrize("name", PARAMETER)
def test_every_parameter_is_used_described_and_grouped_once(name: str) -> None:
    used = json.dumps([TEMPLATE[part] for part in ("Conditions", "Globals", "Resources")])
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert json.dumps({"Ref": name}) in used
    assert PARAMETER[name]["Description"]
    assert [name for group in groups for other in group["Parameters"] if other == name] == [name]


@pytest.mark.parametrize("name", [name for name, parameter in PARAMETER.items() if "AllowedPattern" in parameter])
def test_a_pattern_explains_itself_and_takes_its_own_default(name: str) -> None:
    assert PARAMETER[name]["ConstraintDescription"]
    default = PARAMETER[name].get("Default")
    assert default is None or re.search(PARAMETER[name]["AllowedPattern"], default)


@pytest.mark.parametrize(
    "name",
    [name for name, parameter in PARAMETER.items() if "MinValue" in parameter and name != "SilenceMinutes"],
)
def test_the_bounds_are_those_of_the_code(name: str) -> None:
    """A value the template lets through and the function refuses would be found out one poll too late."""
    least, most = PARAMETER[name]["MinValue"], PARAMETER[name]["MaxValue"]
    assert problems(name, str(least)) == problems(name, str(most)) == []
    assert len(problems(name, str(least - 1))) == len(problems(name, str(most + 1))) == 1


def problems(parameter: str, value: str) -> list[Problem]:
    """What the code says against a value of a parameter."""
    variable = next(name for name, source in variables("PollerFunction").items() if source == {"Ref": parameter})
    env = VariableReader({variable: value})
    env.read_all(config.WATCHED)
    return env.problems


def test_the_defaults_are_those_of_the_code() -> None:
    read = VariableReader({}).read_all(config.WATCHED)
    texts = {
        name: ",".join(map(str, value)) if isinstance(value, tuple) else str(value) for name, value in read.items()
    }
    assert texts == {name: str(PARAMETER[parameter(name)]["Default"]) for name in texts}
    assert PARAMETER["TimeZone"]["Default"] == "UTC"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("AlertStatusIds", ["1", "25", "3, 5", "Failed,Needs info", "3, Bloqué"], ["", "0", "26", "3;5", "3,", "3rd"]),
        ("ProjectIds", ["", "1", "1, 22,333"], ["0", "-1", "a", ","]),
        ("AssigneeIds", ["", "0", "0,7"], ["-1", "me"]),
        (
            "TestmoUrl",
            ["https://x.testmo.net", "https://x.testmo.net/", "http://127.0.0.1:8080", "http://localhost"],
            ["", "http://x.testmo.net", "https://x.testmo.net/api/v1", "https://user@x.testmo.net", "x.testmo.net"],
        ),
        (
            "TestmoSecretArn",
            ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:testmo/token-AbC123"],
            ["", "testmo/token", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:token"],
        ),
        ("EmailAddress", ["", "qa@example.com"], ["qa", "qa@example", "a@example.com,b@example.com"]),
        (
            "PollSchedule",
            ["rate(1 minute)", "rate(5 minutes)", "cron(*/5 7-19 ? * MON-FRI *)"],
            ["", "rate(1 minutes)", "rate(0 minutes)", "1 minute"],
        ),
        ("TimeZone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"], ["", "../etc"]),
    ],
)  # fmt: skip
def test_a_pattern_lets_through_what_the_code_takes(name: str, good: list[str], bad: list[str]) -> None:
    pattern = re.compile(PARAMETER[name]["AllowedPattern"])
    assert [value for value in good if not pattern.search(value)] == []
    assert [value for value in bad if pattern.search(value)] == []


# ----- Names -----------------------------------------------------------------------------------------------


def test_the_logical_ids_others_rely_on_are_there() -> None:
    assert {
        "PollerFunction", "SlackFunction", "StateTable", "NotificationTopic", "SlackQueue", "SlackDeadLetterQueue",
        "OpsTopic",
    } <= set(RESOURCES)  # fmt: skip


def test_nothing_has_a_fixed_name_so_that_two_stacks_fit_into_one_account() -> None:
    named = {
        (name, key): value
        for name in RESOURCES
        for key, value in properties(name).items()
        if key.endswith("Name") and key not in ("DisplayName", "MetricName")
    }
    assert all("${AWS::StackName}" in json.dumps(value) for value in named.values()), named
    assert properties("PollerFunction")["Events"]["Polls"]["Properties"]["OmitName"] is True


# ----- Permissions -----------------------------------------------------------------------------------------


def test_every_function_has_a_role_of_its_own_and_none_of_sams_broad_policies() -> None:
    roles = [properties(name)["Role"]["Fn::GetAtt"].split(".")[0] for name in FUNCTIONS]
    assert len(set(roles)) == len(FUNCTIONS)
    assert [name for name in FUNCTIONS if "Policies" in properties(name)] == []
    assert [name for name in ROLES if "ManagedPolicyArns" in properties(name)] == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_names_what_it_may_touch(role: str) -> None:
    for sid, statement in statements(role).items():
        assert statement["Effect"] == "Allow"
        resources = statement["Resource"]
        if (role, sid) == ("PollerRole", "Confirmed"):
            # Actions without a resource type: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
            assert (actions(statement), resources) == ({"sns:GetSubscriptionAttributes"}, "*")
            continue
        for resource in resources if isinstance(resources, list) else [resources]:
            assert isinstance(resource, dict), "resources of this stack, never *"
        assert not [action for action in actions(statement) if "*" in action]


# What AWS's guide asks of a caller of DynamoDB, SNS and SQS under a customer's key, without CreateGrant (whoever makes
# the table needs that): https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
KEY_ACTIONS = {
    "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom", "kms:ReEncryptTo",
}  # fmt: skip


def test_the_poller_may_do_what_it_does_and_nothing_else() -> None:
    allowed = {sid: actions(statement) for sid, statement in statements("PollerRole").items()}
    assert allowed == {
        "OwnLogs": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "TestmoToken": {"secretsmanager:GetSecretValue"},
        "State": {f"dynamodb:{name}" for name in ("BatchGetItem", "DeleteItem", "PutItem", "Query", "UpdateItem")},
        "PendingOutboxes": {"dynamodb:Query"},
        "Announce": {"sns:Publish"},
        "Subscribers": {"sns:ListSubscriptionsByTopic"},
        "Confirmed": {"sns:GetSubscriptionAttributes"},
        "Heartbeat": {"secretsmanager:GetSecretValue"},
        "Key": KEY_ACTIONS,
    }  # fmt: skip


def test_the_slack_function_may_do_what_it_does_and_nothing_else() -> None:
    allowed = {sid: actions(statement) for sid, statement in statements("SlackRole").items()}
    assert allowed == {
        "OwnLogs": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "Webhooks": {"secretsmanager:GetSecretValue"},
        "Deliveries": {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        "Bots": {"dynamodb:UpdateItem"},
        "Receive": {
            "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage",
        },
        "Park": {"sqs:SendMessage"},
        "Key": KEY_ACTIONS,
    }  # fmt: skip


def test_the_slack_function_cannot_touch_a_checkpoint() -> None:
    """MiniStack does not know the items' keys when it decides, so only this test watches over it."""
    condition = statements("SlackRole")["Deliveries"]["Condition"]
    assert condition == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["DELIVERY#*", "DESTINATION#*"]}}
    assert statements("SlackRole")["Bots"]["Condition"] == {
        "ForAllValues:StringEquals": {
            "dynamodb:LeadingKeys": ["CONTROL"],
            "dynamodb:Attributes": ["pk", "sk", "bots"],
        },
        "StringEqualsIfExists": {"dynamodb:ReturnValues": "NONE"},
    }


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_for_one_service_and_the_scheduler_only_of_this_account(role: str) -> None:
    (trust,) = properties(role)["AssumeRolePolicyDocument"]["Statement"]
    service = trust["Principal"]["Service"]
    assert service == ("scheduler.amazonaws.com" if role == "ScheduleRole" else "lambda.amazonaws.com")
    if role == "ScheduleRole":
        assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_takes_messages_from_the_stacks_topics_alone_and_never_in_clear(queue: str) -> None:
    allowed = [s for s in policy_of("AWS::SQS::QueuePolicy", queue, "Queues") if s["Effect"] == "Allow"]
    for statement in allowed:
        assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
        topics = {"Ref": "NotificationTopic"}
        if queue == "SlackQueue":
            topics = [topics, {"Ref": "OpsTopic"}]  # type: ignore[assignment]  # CloudFormation takes both
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": topics}}
    assert_tls_only(policy_of("AWS::SQS::QueuePolicy", queue, "Queues"))


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_has_one_publisher_and_none_in_clear(topic: str) -> None:
    found = policy_of("AWS::SNS::TopicPolicy", topic, "Topics")
    (allowed,) = [statement for statement in found if statement["Effect"] == "Allow"]
    assert allowed["Action"] == "sns:Publish"
    if topic == "NotificationTopic":
        assert allowed["Principal"] == {"AWS": {"Fn::GetAtt": "PollerRole.Arn"}}
    else:
        assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert_tls_only(found)


def assert_tls_only(found: list[dict[str, Any]]) -> None:
    (denied,) = [statement for statement in found if statement["Effect"] == "Deny"]
    assert denied["Principal"] == "*"
    # Loopback is let through: no request reaches AWS from there, and emulators speak plain http.
    assert denied["Condition"] == {
        "Bool": {"aws:SecureTransport": "false"},
        "NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"},
    }


OWN_KEY = {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}


@pytest.mark.parametrize("name", [*QUEUES, *TOPICS, "PollerLogGroup", "SlackLogGroup"])
def test_everything_that_holds_words_is_under_the_customers_key_where_there_is_one(name: str) -> None:
    """Half of it under the key would look safe and not be."""
    assert properties(name)["KmsKeyId" if name.endswith("LogGroup") else "KmsMasterKeyId"] == OWN_KEY


def test_the_state_is_under_the_customers_key_where_there_is_one() -> None:
    condition, with_key, without = properties("StateTable")["SSESpecification"]["Fn::If"]
    assert (condition, without) == ("HasKey", {"Ref": "AWS::NoValue"})
    assert with_key == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Ref": "KmsKeyArn"}}


@pytest.mark.parametrize(("role", "messages"), [("PollerRole", "sns"), ("SlackRole", "sqs")])
def test_a_role_uses_the_key_through_the_services_it_calls_and_in_no_other_way(role: str, messages: str) -> None:
    statement = statements(role)["Key"]
    assert statement["Resource"] == {"Ref": "KmsKeyArn"}
    services = statement["Condition"]["StringEquals"]["kms:ViaService"]
    assert [service["Fn::Sub"].partition(".")[0] for service in services] == ["dynamodb", "secretsmanager", messages]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_bounded_where_the_organisation_wants_it(role: str) -> None:
    boundary = {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    assert properties(role)["PermissionsBoundary"] == boundary


# ----- Nothing is lost -------------------------------------------------------------------------------------


def test_the_state_outlives_the_stack_and_can_be_restored() -> None:
    table = RESOURCES["StateTable"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


@pytest.mark.parametrize("subscription", ["EmailSubscription", "SlackSubscription"])
def test_what_sns_cannot_hand_over_is_kept(subscription: str) -> None:
    """SNS drops it without a queue, and without a policy on that queue as well."""
    target = properties(subscription)["RedrivePolicy"]["deadLetterTargetArn"]
    assert target == {"Fn::GetAtt": "SubscriptionDeadLetterQueue.Arn"}
    sids = [s["Sid"] for s in policy_of("AWS::SQS::QueuePolicy", "SubscriptionDeadLetterQueue", "Queues")]
    assert "TopicParks" in sids


def test_alarms_reach_slack_raw_and_what_cannot_be_handed_over_rings_no_further_alarm() -> None:
    subscription = RESOURCES["OpsSlackSubscription"]
    assert (subscription["Condition"], subscription["DependsOn"]) == ("HasDelivery", "SlackQueuePolicy")
    assert subscription["Properties"] == {
        "TopicArn": {"Ref": "OpsTopic"},
        "Protocol": "sqs",
        "Endpoint": {"Fn::GetAtt": "SlackQueue.Arn"},
        "RawMessageDelivery": True,
    }


@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_keeps_messages_for_14_days_and_encrypted(queue: str) -> None:
    assert properties(queue)["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert properties(queue)["SqsManagedSseEnabled"] == {"Fn::If": ["HasKey", {"Ref": "AWS::NoValue"}, True]}


def test_a_message_stays_hidden_as_long_as_lambda_may_work_on_it() -> None:
    timeout = TEMPLATE["Globals"]["Function"]["Timeout"]
    assert (
        timeout < properties("SlackQueue")["VisibilityTimeout"] <= 2 * timeout
    )  # a killed function stalls them so long
    assert properties("SlackQueue")["RedrivePolicy"]["maxReceiveCount"] == 100


def test_good_messages_do_not_suffer_for_a_bad_one_in_their_batch() -> None:
    source = properties("SlackFunction")["Events"]["Queue"]["Properties"]
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert source["BatchSize"] == 10


def test_a_poll_that_failed_or_came_late_is_never_repeated() -> None:
    """The next minute's poll does the same; late ones would pile up on it."""
    poller = properties("PollerFunction")
    expected = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    assert poller["EventInvokeConfig"] == expected
    assert poller["Events"]["Polls"]["Properties"]["RetryPolicy"] == expected


# ----- Operation -------------------------------------------------------------------------------------------


def test_the_schedule_follows_the_time_zone_that_the_mails_follow() -> None:
    """Working hours are the team's, summer time included."""
    polls = properties("PollerFunction")["Events"]["Polls"]["Properties"]
    assert polls["ScheduleExpression"] == {"Ref": "PollSchedule"}
    assert polls["ScheduleExpressionTimezone"] == {"Ref": "TimeZone"} == variables("PollerFunction")["TIME_ZONE"]


def test_the_schedule_has_a_group_of_its_own_because_attempts_are_counted_by_group() -> None:
    assert properties("PollerFunction")["Events"]["Polls"]["Properties"]["GroupName"] == {"Ref": "ScheduleGroup"}
    assert properties("ScheduleGroup") == {}, "no name: it would block a second stack"


def test_the_schedule_has_another_logical_id_than_before_it_had_a_group() -> None:
    """AWS updates a schedule where its new group is, and it is not there: the deploy would fail."""
    assert list(properties("PollerFunction")["Events"]) == ["Polls"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_logs_end_and_go_to_a_group_of_the_stack(function: str) -> None:
    group = properties(function)["LoggingConfig"]["LogGroup"]["Ref"]
    assert properties(group)["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    role = properties(function)["Role"]["Fn::GetAtt"].split(".")[0]
    assert statements(role)["OwnLogs"]["Resource"] == {"Fn::GetAtt": f"{group}.Arn"}


def variables(function: str) -> dict[str, Any]:
    return {
        **TEMPLATE["Globals"]["Function"]["Environment"]["Variables"],
        **properties(function)["Environment"]["Variables"],
    }


@pytest.mark.parametrize(
    ("function", "settings"), [("PollerFunction", config.PollerSettings), ("SlackFunction", config.DeliverySettings)]
)
def test_a_function_is_told_every_setting_it_reads(function: str, settings: type) -> None:
    fields = {name.upper() for name in settings.__dataclass_fields__}  # type: ignore[attr-defined]  # a dataclass
    if "SECRET_ARNS" in fields:
        fields = fields - {"SECRET_ARNS"} | {channel.secret_variable for channel in queued()}
    assert fields <= set(variables(function))
    assert not [name for name in variables(function) if "TOKEN" in name], "secrets go by ARN"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_endpoint_is_declared_and_not_set(function: str) -> None:
    """`sam local invoke --env-vars` can set declared variables only, and an empty value breaks every emulator."""
    assert variables(function)["AWS_ENDPOINT_URL"] == {"Ref": "AWS::NoValue"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_example_values_for_sam_local_are_of_declared_variables(function: str) -> None:
    example = json.loads((ROOT / "events" / "env.json").read_text())
    assert set(example[function]) <= set(variables(function))


def test_the_layers_serve_every_architecture_the_functions_can_have() -> None:
    architectures = PARAMETER["Architecture"]["AllowedValues"]
    assert properties("CommonLayer")["CompatibleArchitectures"] == architectures
    assert properties("SettingsLayer")["CompatibleArchitectures"] == architectures

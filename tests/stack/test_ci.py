"""docs/ci as it stands there: the roles are made, the example's own script deploys with them, roles enforced."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError
from click.testing import CliRunner

from tests.stack.emulator import silence
from tests.stack.waiting import until
from tests.support.commands import CI
from tests.support.fakes import FakeSlack, SlackAnswer
from tests.unit.test_deploy_role import TYPES
from tools.cli import main
from tools.lib import processes
from tools.lib.aws import CONFIG, Aws
from tools.local import poller, stack
from tools.local.build import Build
from tools.local.stack import Stack
from tools.simulator import Simulator, StatusId, World

NAME: Final = "by-ci"
ROLES: Final = f"deploy-{NAME}"
SUBJECT: Final = "project_path:example/testmo-notifier:ref_type:branch:ref:main"
AUDIENCE: Final = "sts.amazonaws.com"
DOCTOR: Final = ".venv/bin/testmo-notifier doctor"
LEFT_OUT: Final = ("make setup", ".venv-sam/bin/sam build", DOCTOR)  # the tests have the first two already


def token(**claims: str) -> str:
    """An OIDC token as GitLab makes them. The emulator reads its claims and does not check its signature."""
    content = {"iss": "https://gitlab.com", "sub": SUBJECT, "aud": AUDIENCE, **claims}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in ({"alg": "RS256"}, content)]
    return ".".join([*parts, "signature"]).replace("=", "")


def client(aws: Aws, service: str, **credentials: str) -> Any:  # noqa: ANN401 - any service
    make: Callable[..., Any] = boto3.client
    keys = {"aws_access_key_id": aws.access_key_id, "aws_secret_access_key": aws.secret_access_key, **credentials}
    return make(service, endpoint_url=aws.endpoint, region_name=aws.region, config=CONFIG, **keys)


@dataclass(frozen=True)
class Site:
    """A stack that was deployed by hand, and the roles with which a CI is to update it."""

    aws: Aws
    stack: Stack
    outputs: Mapping[str, str]
    variables: Mapping[str, str]
    simulator: Simulator
    slack: FakeSlack

    def assume(self, **claims: str) -> Mapping[str, str]:
        """The credentials that a job gets for its token."""
        answer = client(self.aws, "sts").assume_role_with_web_identity(
            RoleArn=self.outputs["DeployRoleArn"], RoleSessionName="a-job", WebIdentityToken=token(**claims)
        )
        found = answer["Credentials"]
        return {
            "aws_access_key_id": found["AccessKeyId"],
            "aws_secret_access_key": found["SecretAccessKey"],
            "aws_session_token": found["SessionToken"],
        }


@pytest.fixture(scope="module")
def site(aws: Aws, built: Build) -> Iterator[Site]:
    with Simulator(World()) as simulator, FakeSlack() as slack:
        simulator.world.add_project("Shop")
        secrets = {
            "TestmoSecretArn": stack.make_secret(aws, "testmo", simulator.token, name=NAME),
            "SlackSecretArn": stack.make_secret(aws, "slack", slack.webhook(), name=NAME),
        }
        outputs = make_roles(aws, secrets.values())
        parameters = {
            "TestmoUrl": simulator.url,
            **secrets,
            "EmailAddress": "qa@example.com",
            "PermissionsBoundaryArn": outputs["BoundaryArn"],
            "DashboardState": "ENABLED",
            "PollScheduleState": "DISABLED",
            "MaxStalenessMinutes": "0",
            "RequestsPerMinute": "6000",
        }
        found = stack.deploy(aws, built, parameters, name=NAME)
        variables = {
            "AWS_REGION": aws.region,
            "AWS_DEFAULT_REGION": aws.region,
            "STACK_NAME": NAME,
            "AWS_DEPLOY_ROLE_ARN": outputs["DeployRoleArn"],
            "AWS_EXECUTION_ROLE_ARN": outputs["ExecutionRoleArn"],
            "ARTEFACT_BUCKET": outputs["ArtefactBucketName"],
            "PERMISSIONS_BOUNDARY_ARN": outputs["BoundaryArn"],
            "NOTIFIER_TESTMO_URL": simulator.url,
            "NOTIFIER_TESTMO_SECRET_ARN": secrets["TestmoSecretArn"],
            "NOTIFIER_SLACK_SECRET_ARN": secrets["SlackSecretArn"],
            "NOTIFIER_EMAIL_ADDRESS": "team@example.com",
        }
        yield Site(aws, found, outputs, variables, simulator, slack)


def make_roles(aws: Aws, secrets: Iterable[str]) -> Mapping[str, str]:
    """The outputs of docs/ci/deploy-role.yaml. The emulator's CloudFormation knows no OIDC provider: it is given."""
    provider = client(aws, "iam").create_open_id_connect_provider(Url="https://gitlab.com", ClientIDList=[AUDIENCE])
    parameters = {
        "StackName": NAME,
        "SecretArns": ",".join(secrets),
        "Issuer": "gitlab.com",
        "Subject": SUBJECT,
        "OidcProviderArn": provider["OpenIDConnectProviderArn"],
    }
    aws.cloudformation.create_stack(
        StackName=ROLES,
        TemplateBody=(CI / "deploy-role.yaml").read_text("utf-8"),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )

    def described() -> Any:  # noqa: ANN401 - as boto3 answers
        return aws.cloudformation.describe_stacks(StackName=ROLES)["Stacks"][0]

    until(lambda: not described()["StackStatus"].endswith("_IN_PROGRESS"), "the roles")
    assert described()["StackStatus"] == "CREATE_COMPLETE", described()
    return {one["OutputKey"]: one["OutputValue"] for one in described()["Outputs"]}


def script() -> str:
    """What GitLab's deploying job runs; tests/unit/test_deploy_docs.py compares GitHub's with it."""
    job = yaml.safe_load((CI / "gitlab-ci.yml").read_text("utf-8"))["deploy"]
    return "\n".join(line for line in job["script"] if not line.startswith(LEFT_OUT))


@pytest.fixture
def checkout(tmp_path: Path, built: Build) -> Path:
    """A checkout after `make setup` and `sam build`."""
    for name in (".venv", ".venv-sam", "tools", "layers", "samconfig.toml", "template.yaml"):
        (tmp_path / name).symlink_to(processes.ROOT / name)
    (tmp_path / ".aws-sam").mkdir()
    for name, kept in (("build", "built"), ("sources", "sources")):
        (tmp_path / ".aws-sam" / name).symlink_to(built.template.parent.parent / kept)
    return tmp_path


def test_the_example_deploys_with_nothing_but_its_token(site: Site, checkout: Path) -> None:
    ours = {name: value for name, value in site.aws.environ().items() if "KEY" not in name and "SESSION" not in name}
    environment = {**ours, **site.variables, "AWS_ID_TOKEN": token(), "CI_PIPELINE_ID": "7", "TMPDIR": str(checkout)}

    done = subprocess.run(  # noqa: S603 - our own example
        ["/bin/bash", "-e", "-c", script()], cwd=checkout, env=environment, check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    assert "Successfully created/updated stack" in done.stdout
    subscribed = site.aws.sns.list_subscriptions_by_topic(TopicArn=site.stack.topic_arn)["Subscriptions"]
    assert [one["Endpoint"] for one in subscribed if one["Protocol"] == "email"] == ["team@example.com"]
    (found,) = site.aws.cloudformation.describe_stacks(StackName=NAME)["Stacks"]
    kept = {one["ParameterKey"]: one["ParameterValue"] for one in found["Parameters"]}
    assert kept["PollScheduleState"] == "DISABLED", "the example does not name it, so it stays as it was"


def test_the_doctor_sees_everything_with_the_rights_of_the_job(site: Site) -> None:
    """With the job's credentials as keys: at an emulator our commands take nothing else from the environment."""
    as_the_emulator_names_it = [
        {"Effect": "Allow", "Action": "lambda:PutFunctionConcurrency", "Resource": "*"},  # it takes the get for a put
        {"Effect": "Allow", "Action": "logs:FilterLogEvents", "Resource": f"*:log-group:/aws/cloudformation/{NAME}/*"},
    ]
    client(site.aws, "iam").put_role_policy(
        RoleName=site.outputs["DeployRoleArn"].rpartition("/")[2],
        PolicyName="emulator",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": as_the_emulator_names_it}),
    )
    poller.poll(site.aws, site.stack.poller)  # or the doctor would miss one
    site.slack.answer(SlackAnswer(400, b"no_text"))
    ours = {name: None for name in os.environ if name.startswith(("AWS_", "TESTMO_", "SLACK_"))}
    keys = {name.upper(): value for name, value in site.assume().items()}
    given = {**ours, "AWS_ENDPOINT_URL": site.aws.endpoint, "AWS_REGION": site.aws.region, **keys}

    silence(client(site.aws, "cloudwatch"), NAME)
    said = CliRunner().invoke(main, ["doctor", "--stack-name", NAME], env=given)

    assert said.exit_code == 0, said.output
    assert f"{NAME}: all is well" in said.output


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": SUBJECT.replace("main", "feature")},
        {"sub": SUBJECT.replace("example/", "evil/")},
        {"sub": SUBJECT + "-old"},
        {"aud": "https://gitlab.com"},
        {"iss": "https://gitlab.example.com"},
    ],
)
def test_another_branch_project_audience_or_issuer_is_not_let_in(site: Site, claims: dict[str, str]) -> None:
    assert site.assume()
    with pytest.raises(ClientError, match="AccessDenied"):
        site.assume(**claims)


def test_the_ci_alone_can_change_nothing(site: Site) -> None:
    """What it hands to CloudFormation is another matter; that is reviewed."""
    credentials = site.assume()
    foreign = stack.make_secret(site.aws, "foreign", "not theirs", name="somebody")

    def may(service: str, method: str, **parameters: object) -> bool:
        try:
            getattr(client(site.aws, service, **credentials), method)(**parameters)
        except ClientError as exc:
            if "AccessDenied" in str(exc) or "AuthorizationError" in str(exc):
                return False
            raise
        return True

    assert may("secretsmanager", "get_secret_value", SecretId=site.variables["NOTIFIER_TESTMO_SECRET_ARN"])
    assert not may("secretsmanager", "get_secret_value", SecretId=foreign)
    item = {"pk": {"S": "CONTROL"}, "sk": {"S": "POLLER"}}
    assert may("dynamodb", "get_item", TableName=site.stack.table, Key=item)
    assert not may("dynamodb", "put_item", TableName=site.stack.table, Item=item)
    assert not may("dynamodb", "delete_table", TableName=site.stack.table)
    assert not may("sqs", "purge_queue", QueueUrl=site.stack.slack_queue)
    assert not may("lambda", "invoke", FunctionName=site.stack.poller)
    assert not may("iam", "create_role", RoleName=f"{NAME}-evil", AssumeRolePolicyDocument="{}")
    assert not may("cloudformation", "delete_stack", StackName=NAME)
    assert not may("cloudformation", "describe_stacks", StackName=ROLES)
    assert not may("s3", "list_objects_v2", Bucket=f"{NAME}-artefacts")


def test_the_boundary_leaves_the_functions_all_they_need(site: Site) -> None:
    """The emulator's CloudFormation gives roles no boundary, so they get it here; its calls do heed it."""
    iam = client(site.aws, "iam")
    found = site.aws.cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
    roles = [one["PhysicalResourceId"] for one in found if one["ResourceType"] == "AWS::IAM::Role"]
    for role in roles:
        iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=site.outputs["BoundaryArn"])
    try:
        world = site.simulator.world
        shop = next(iter(world.projects.values()))
        run = world.add_run(shop, "Nightly", cases=[world.add_case(shop, "Log in")])
        poller.poll(site.aws, site.stack.poller)
        world.save_result(world.tests_of(run)[0], StatusId.FAILED)
        assert poller.poll(site.aws, site.stack.poller).status == "ok"
        until(lambda: any(b"1 failed" in post.body for post in site.slack.posts), "the message in Slack")
    finally:
        for role in roles:
            iam.delete_role_permissions_boundary(RoleName=role)
    assert len(roles) == 3


def test_a_stack_is_made_of_what_the_execution_role_is_compared_with(site: Site) -> None:
    """tests/unit/test_deploy_role.py goes by this list of types."""
    found = site.aws.cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
    assert {one["ResourceType"] for one in found} == set(TYPES)

# SPDX-License-Identifier: Apache-2.0
"""The hook's client: what the connection says, what the caller says, what the provider says."""

import inspect
import json

import pytest
from botocore import UNSIGNED
from botocore.exceptions import EndpointConnectionError, SSLError

from airflow_provider_omics.aws.errors import is_transient
from airflow_provider_omics.aws.hook_params import HookParams
from airflow_provider_omics.exceptions import OmicsError
from airflow_provider_omics.hooks.omics import OmicsHook
from airflow_provider_omics.records.run import Run

LOCAL = "http://127.0.0.1:9911"


@pytest.fixture
def connect(monkeypatch):
    """Return a hook on a connection with these extras."""

    def hook(config=None, **extra):
        connection = {"conn_type": "aws", "login": "local", "password": "local"}
        connection["extra"] = {"region_name": "eu-west-1", **extra}
        monkeypatch.setenv("AIRFLOW_CONN_AWS_TEST", json.dumps(connection))
        return OmicsHook("aws_test", config=config)

    return hook


def test_retries_are_explicit(connect):
    retries = connect().conn.meta.config.retries
    assert (retries["mode"], retries["total_max_attempts"]) == ("adaptive", 10)


def test_the_connections_config_survives_the_callers(connect):
    config = connect(
        {"connect_timeout": 3, "max_pool_connections": 7},
        config_kwargs={"read_timeout": 5, "connect_timeout": 9, "retries": {"mode": "standard"}},
    ).conn.meta.config
    assert (config.read_timeout, config.connect_timeout, config.max_pool_connections) == (5, 3, 7)
    assert config.retries["mode"] == "standard"


@pytest.mark.parametrize(
    "extra",
    [
        {"config_kwargs": "{}"},
        {"config_kwargs": {"retrys": {}}},
        {"config_kwargs": {"retries": 3}},
        {"service_config": "{}"},
    ],
    ids=str,
)
def test_an_extra_that_cannot_be_used_is_an_error_that_names_the_connection(connect, extra):
    with pytest.raises(OmicsError, match=r"The extra of connection aws_test cannot be used .*correct it"):
        connect(**extra).region  # noqa: B018 - it reads the connection


@pytest.mark.parametrize(
    "extra",
    [
        {"endpoint_url": LOCAL},
        {"endpoint_url": "http://localhost:9911"},
        {"endpoint_url": "http://omics.localhost:9911"},
        {"endpoint_url": "http://[::1]:9911"},
        {"service_config": {"omics": {"endpoint_url": LOCAL}}},
        {"endpoint_url": LOCAL, "config_kwargs": {"read_timeout": 5}},
    ],
)
@pytest.mark.parametrize("config", [None, {"read_timeout": 7}])
def test_an_address_needs_no_setting_for_host_prefixes(connect, extra, config):
    assert connect(config, **extra).conn.meta.config.inject_host_prefix is False


def test_an_endpoint_from_the_environment_needs_no_setting_either(connect, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", LOCAL)
    assert connect().conn.meta.config.inject_host_prefix is False


def test_a_named_endpoint_keeps_its_prefixes(connect):
    assert connect().conn.meta.config.inject_host_prefix is True
    assert connect(endpoint_url="https://omics.example.org").conn.meta.config.inject_host_prefix is True


def test_the_user_has_the_last_word_on_prefixes(connect):
    hook = connect(endpoint_url=LOCAL, config_kwargs={"inject_host_prefix": True})
    assert hook.conn.meta.config.inject_host_prefix is True


def test_every_connection_argument_arrives(connect):
    connect(endpoint_url=LOCAL)
    params = HookParams("aws_test", "ap-southeast-1", verify=False, botocore_config={"read_timeout": 5})
    hook = OmicsHook.from_params(HookParams(**json.loads(json.dumps(params.serialize()))))
    assert hook.conn.meta.region_name == "ap-southeast-1"
    assert hook.conn.meta.config.read_timeout == 5
    assert hook.verify is False


def test_without_a_connection_boto3_finds_its_own_credentials(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert OmicsHook(None).conn.meta.region_name == "eu-central-1"


def test_a_region_of_botocores_own_options_is_the_one_that_is_called(connect):
    hooks = [
        connect({"region_name": "eu-north-1"}),
        connect(config_kwargs={"region_name": "eu-north-1"}),
        OmicsHook("aws_test", region_name="us-east-1", config={"region_name": "eu-north-1"}),
    ]
    assert {hook.region for hook in hooks} == {hook.conn.meta.region_name for hook in hooks} == {"eu-north-1"}


def test_a_connection_without_a_region_is_an_error_that_says_where_to_give_one(connect, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(OmicsError, match="aws_conn_id='aws_test' has no Region: give region_name"):
        connect(region_name=None).conn  # noqa: B018 - it makes the client


def test_a_role_is_assumed_with_the_merged_config(connect):
    hook = connect(endpoint_url=LOCAL, role_arn="arn:aws:iam::123456789012:role/x")
    assert hook.conn_config.role_arn == "arn:aws:iam::123456789012:role/x"
    assert hook.config.retries["total_max_attempts"] == 10


def test_signing_can_be_switched_off_by_both(connect):
    for config, extra in (({"signature_version": "unsigned"}, {}), (None, {"signature_version": "unsigned"})):
        assert connect(config, config_kwargs=extra).conn.meta.config.signature_version is UNSIGNED


def test_a_network_that_is_away_is_waited_for(connect):
    hook = connect({"retries": {"total_max_attempts": 1}}, endpoint_url="http://127.0.0.1:9")
    with pytest.raises(EndpointConnectionError) as refused:
        hook.get_run(Run("1", "u", "", "", "PENDING"))
    assert is_transient(refused.value)
    assert not is_transient(SSLError(endpoint_url="x", error="[SSL: CERTIFICATE_VERIFY_FAILED]"))


def test_the_caller_is_named_in_the_user_agent_without_reading_sources(connect, monkeypatch):
    class Caller:
        def execute(self):
            return connect().conn.meta.config.user_agent_extra

    monkeypatch.setattr(inspect, "stack", lambda: pytest.fail("the sources of all frames were read"))
    assert "Caller/Caller" in Caller().execute()
    assert "Caller/Unknown" in connect().conn.meta.config.user_agent_extra

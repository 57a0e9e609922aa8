# SPDX-License-Identifier: Apache-2.0
"""Times and connection arguments: what is taken, and the sentence about what is not."""

from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_omics.request.arguments import broken_connection_rules, seconds_of, verify_of
from airflow_provider_omics.request.violations import RequestError


@pytest.mark.parametrize(
    ("value", "seconds"), [(30, 30.0), (0.5, 0.5), (timedelta(minutes=2), 120.0), (timedelta(milliseconds=1), 0.001)]
)
def test_a_time_is_a_timedelta_or_seconds(value, seconds):
    assert seconds_of("poll_interval", value) == seconds


@pytest.mark.parametrize("value", ["30s", "30", 0, -1, True, None, float("nan"), float("inf"), timedelta(0), [1]])
def test_what_is_no_time_gets_a_sentence(value):
    with pytest.raises(RequestError) as error:
        seconds_of("poll_interval", value)
    assert str(error.value) == f"poll_interval must be a timedelta or a number of seconds above 0, not {value!r}"


def test_a_time_may_be_none_at_all_where_that_means_something():
    assert seconds_of("submit_timeout", 0, zero=True) == 0
    with pytest.raises(RequestError, match="submit_timeout must be a timedelta or a number of seconds of 0 or more"):
        seconds_of("submit_timeout", -1, zero=True)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Path("/ca.pem"), "/ca.pem"),
        ("/ca.pem", "/ca.pem"),
        ("False", False),
        ("true", True),
        (True, True),
        (False, False),
        (None, None),
    ],
)
def test_verify_is_what_botocore_wants(value, told):
    assert verify_of(value) == told
    assert list(broken_connection_rules(None, None, value, None)) == []


class Resolvable:
    """What an XComArg is to those who look at it."""

    def resolve(self):
        raise AssertionError("not before the task runs")


@pytest.mark.parametrize("template", ["{{ x }}", Resolvable()])
def test_a_template_is_of_no_type_yet(template):
    assert list(broken_connection_rules(template, template, template, {"read_timeout": 5})) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"aws_conn_id": 5}, "aws_conn_id must be a string or None, not 5"),
        ({"region_name": b"eu"}, "region_name must be a string or None, not b'eu'"),
        *(
            (
                {"region_name": name},
                f"region_name must be small letters, digits and hyphens, such as us-east-1, not {name!r}",
            )
            for name in ("us-east-1\n", " us-east-1", "us_east_1", "US-EAST-1", "us-east-1.amazonaws.com", "x" * 64)
        ),
        ({"verify": 1.5}, "verify must be True, False or the path of a CA bundle, not 1.5"),
        ({"verify": b"/ca"}, "verify must be True, False or the path of a CA bundle, not b'/ca'"),
        ({"botocore_config": "x"}, "botocore_config must be a dict of options of botocore.config.Config, not 'x'"),
        (
            {"botocore_config": {"client_cert": Path("/x")}},
            "botocore_config.client_cert: PosixPath is not a JSON type; write it as text or number",
        ),
        ({"aws_conn_id": Path("/x")}, f"aws_conn_id must be a string or None, not {Path('/x')!r}"),
        ({"verify": "/M\udcfcller.pem"}, r"verify: '/M\udcfcller.pem' is no Unicode text"),
        ({"botocore_config": {1: 2}}, "botocore_config: keys must be strings, not 1"),
    ],
)
def test_a_wrong_type_gets_a_sentence(arguments, told):
    given = {"aws_conn_id": None, "region_name": None, "verify": None, "botocore_config": None, **arguments}
    assert list(broken_connection_rules(**given)) == [told]


def test_a_pair_of_files_is_json_enough():
    assert list(broken_connection_rules(None, None, None, {"client_cert": ("/cert", "/key")})) == []

# SPDX-License-Identifier: Apache-2.0
"""From what a DAG author writes to what is sent: rendering, files, native types, mapping."""

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG, XComArg

from airflow_provider_omics.exceptions import StartRunRequestError
from airflow_provider_omics.operators.run import StartOmicsRunOperator

ROLE = "arn:aws:iam::123456789012:role/omics"
INPUTS = {"sample": "NA12878", "sheet": "s3://bucket/samples.json", "depth": 30}
CONTEXT = {
    "sample": "NA12878",
    "depth": 30,
    "version": "1.10",
    "workflow": "1234567",
    "name": "2026_01",
    "inputs": INPUTS,
    "nothing": None,
    "params": {},
}


class Literal(XComArg):
    """What an upstream task pushed, without a database to push it to."""

    def __init__(self, value):
        self.value = value

    def resolve(self, context, *_, **__):  # noqa: ARG002 - Airflow's signature
        return self.value

    def iter_references(self):
        return iter(())


@pytest.fixture(params=[False, True], ids=["text", "native"])
def native(request):
    return request.param


@pytest.fixture
def request_of(tmp_path, native):
    """Return the request that an operator with these arguments would send."""

    def build(**arguments):
        dag = DAG(
            dag_id="test",
            start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
            schedule=None,
            template_searchpath=str(tmp_path),
            render_template_as_native_obj=native,
        )
        operator = StartOmicsRunOperator(
            task_id="run",
            dag=dag,
            **{"workflow_id": "1234567", "role_arn": ROLE, "output_uri": "s3://bucket/runs", **arguments},
        )
        operator.render_template_fields(CONTEXT, dag.get_template_env())
        build.operator = operator
        return operator._build_request()

    return build


FILES = {
    "inputs.json": '{"sample": "{{ sample }}", "sheet": "s3://bucket/samples.json", "depth": {{ depth }}}',
    "inputs.yaml": "sample: {{ sample }}\nsheet: s3://bucket/samples.json\ndepth: {{ depth }}\n",
    "inputs.yml": '{"sample": "{{ sample }}", "sheet": "s3://bucket/samples.json", "depth": {{ depth }}}',
}


@pytest.mark.parametrize(
    "source",
    [
        {"sample": "{{ sample }}", "sheet": "s3://bucket/samples.json", "depth": 30},
        '{"sample": "{{ sample }}", "sheet": "s3://bucket/samples.json", "depth": {{ depth }}}',
        "{{ inputs | tojson }}",
        Literal(INPUTS),
        Literal('{"sample": "NA12878", "sheet": "s3://bucket/samples.json", "depth": 30}'),
        *FILES,
        "{{ 'inputs' }}.json",
    ],
    ids=["dict", "json", "tojson", "xcom", "xcom text", *FILES, "templated file name"],
)
@pytest.mark.parametrize(
    ("argument", "member"),
    [("parameters", "parameters"), ("engine_settings", "engineSettings"), ("session_policy", "sessionPolicy")],
)
def test_every_source_gives_the_same_document(source, argument, member, request_of, tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    expected = '{"depth":30,"sample":"NA12878","sheet":"s3://bucket/samples.json"}'
    assert request_of(**{argument: source})[member] == (expected if argument == "session_policy" else INPUTS)
    # What the UI shows is the document itself.
    shown = getattr(request_of.operator, argument)
    assert shown == INPUTS or isinstance(source, Literal)


def test_tags_from_a_file(request_of, tmp_path):
    (tmp_path / "tags.yaml").write_text("project: '{{ name }}'\nyear: 2026\n")
    assert request_of(tags="tags.yaml")["tags"] == {"project": "2026_01", "year": "2026"}


def test_text_stays_as_written_under_native_rendering(request_of):
    request = request_of(
        workflow_id="{{ workflow }}",
        workflow_version_name="{{ version }}",
        name="{{ name }}",
        run_group_id="{{ '0042' }}",
        priority="{{ depth }}",
        storage_capacity="{{ depth * 40 }}",
    )
    assert request["workflowId"] == "1234567"
    assert request["workflowVersionName"] == "1.10"
    assert request["name"] == "2026_01"
    assert request["runGroupId"] == "0042"
    assert request["priority"] == 30
    assert request["storageCapacity"] == 1200


def test_leaves_of_parameters_follow_the_rendering(request_of, native):
    # Documented: inside `parameters`, native rendering decides the types of string leaves.
    assert request_of(parameters={"depth": "{{ depth }}"})["parameters"] == {"depth": 30 if native else "30"}


def test_numbers_from_xcom(request_of):
    request = request_of(workflow_id=Literal(1234567), priority=Literal("7"))
    assert (request["workflowId"], request["priority"]) == ("1234567", 7)


def test_start_run_kwargs_are_templated(request_of):
    assert request_of(start_run_kwargs={"newMember": "{{ sample }}"})["newMember"] == "NA12878"


def test_what_renders_to_nothing_is_told(request_of):
    with pytest.raises(StartRunRequestError, match="cache_id must be 1 to 18 characters long, not 0"):
        request_of(cache_id="{{ '' }}")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.json", '{"x": 1,\n}', r"parameters: a\.json is not JSON \(.* line 2 column 1 \(char 9\)\)"),
        ("a.yaml", "x: 1\ny: [", r"parameters: a\.yaml is neither JSON nor YAML \(.*line 2, column 5.*\)"),
        ("a.yml", "- 1\n", r"parameters: a\.yml must be a JSON object, not list"),
        ("a.json", '{"x": {"y": NaN}}', r"a\.json: parameters\.x\.y: JSON has no nan"),
        ("a.yaml", "", r"parameters: a\.yaml must be a JSON object, not NoneType"),
        ("a.json", "null", r"parameters: a\.json must be a JSON object, not NoneType"),
        ("a.json", '{"x": "\xe9"}', r"parameters: a\.json is not UTF-8"),
    ],
)
def test_a_bad_document_names_its_file_and_place(name, text, why, request_of, tmp_path):
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(StartRunRequestError, match=why):
        request_of(parameters=name)


def test_a_missing_file_is_told_with_its_folders(request_of, tmp_path):
    with pytest.raises(StartRunRequestError, match=rf"parameters: there is no file 'x.json' .*{tmp_path}"):
        request_of(parameters="x.json")


def test_a_missing_file_fails_the_parse(tmp_path):
    with DAG(dag_id="test", schedule=None, template_searchpath=str(tmp_path)) as dag:
        operator = StartOmicsRunOperator(
            task_id="run", workflow_id="1", role_arn=ROLE, output_uri="s3://b", parameters="typo.json"
        )
    with pytest.raises(StartRunRequestError, match=r"no file 'typo\.json'"):
        dag.resolve_template_files()
    operator.parameters = "{{ ds }}.json"
    dag.resolve_template_files()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "workflow_id .* or run_id .* is required"),
        ({"workflow_id": "abc"}, "workflow_id must match"),
        ({"workflow_id": "1", "priority": -1}, "priority must be 0 to 100000"),
        ({"workflow_id": "1", "networking_mode": "VPC"}, "needs configuration_name"),
        ({"workflow_id": "1", "parameters": {"x": pendulum.now()}}, "parameters.x: DateTime is not a JSON type"),
    ],
)
def test_what_needs_no_rendering_fails_the_parse(arguments, message):
    with pytest.raises(StartRunRequestError, match=f"StartOmicsRunOperator run: .*{message}"):
        StartOmicsRunOperator(task_id="run", role_arn=ROLE, output_uri="s3://b", **arguments)


def test_what_needs_rendering_passes_the_parse():
    StartOmicsRunOperator(
        task_id="run",
        workflow_id="{{ x }}",
        role_arn=Literal("arn"),
        output_uri="{{ x }}",
        parameters={"deep": [{"a": Literal(1)}]},
        tags="tags.json",
        priority="{{ x }}",
    )


def test_the_ui_shows_documents_as_json():
    renderers = StartOmicsRunOperator.template_fields_renderers
    assert set(renderers) == {"parameters", "tags", "session_policy", "engine_settings", "start_run_kwargs"}
    assert set(renderers.values()) == {"json"}

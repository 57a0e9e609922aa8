# SPDX-License-Identifier: Apache-2.0
"""Every member of StartRun, once: its name, its kind, its rules and what it is for.

The operator's arguments, its template fields, the checks before a call, the table in the README and the contract test
against botocore's model all come from this table or are checked against it. Rules are those of botocore's model
(``pattern``, ``min``, ``max``, ``enum``), which botocore itself does not check; further rules stand in :mod:`.request`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

# The botocore release whose model this table repeats; an older one may only lack members.
BOTOCORE_VERSION = "1.44.8"

_DIGITS = "[0-9]+"
PRINTABLE = r"[\p{L}||\p{M}||\p{Z}||\p{S}||\p{N}||\p{P}]+"
_NAME = r"[A-Za-z0-9][A-Za-z0-9\-\._]*"
_S3_OBJECT = "s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+"
_POLICY = r"[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}\t\n\r]+"


class Kind(Enum):
    """The type to which a rendered value is converted."""

    TEXT = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DOCUMENT = "JSON object"
    JSON_TEXT = "JSON text"
    TAGS = "map of strings"


@dataclass(frozen=True)
class Member:
    """
    One member of StartRun.

    ``minimum`` and ``maximum`` bound a text's length and an integer's value; ``argument`` is the operator's argument:
    the API's name in snake case.
    """

    name: str
    kind: Kind
    summary: str
    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    required: bool = False
    argument: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "argument", re.sub(r"(?=[A-Z])", "_", self.name).lower())


def _id(name: str, summary: str) -> Member:
    return Member(name, Kind.TEXT, summary, 1, 18, _DIGITS)


def _choice(name: str, summary: str, *choices: str, longest: int | None = 64) -> Member:
    return Member(name, Kind.TEXT, summary, longest and 1, longest, choices=choices)


MEMBERS: tuple[Member, ...] = (
    _id("workflowId", "Workflow to run; required for a new run."),
    _choice("workflowType", "`READY2RUN` for a Ready2Run workflow.", "PRIVATE", "READY2RUN"),
    _id("runId", "Run to duplicate; what is not given is copied from it."),
    Member(
        "roleArn",
        Kind.TEXT,
        "Service role that HealthOmics assumes for the run.",
        1,
        128,
        "arn:.+",
        required=True,
    ),
    Member("name", Kind.TEXT, "Name of the run; by default unique to the task instance.", 1, 128, PRINTABLE),
    _id("cacheId", "Run cache to use."),
    _choice("cacheBehavior", "Overrides the run cache's behavior.", "CACHE_ON_FAILURE", "CACHE_ALWAYS"),
    _id("runGroupId", "Run group whose limits hold for the run."),
    Member(
        "priority",
        Kind.INTEGER,
        "Priority in the run group; a higher number starts first (user guide).",
        0,
        100_000,
    ),
    Member("parameters", Kind.DOCUMENT, "Workflow parameters, at most 50,000 bytes of JSON."),
    Member(
        "parametersUri",
        Kind.TEXT,
        "JSON file in S3 that holds the workflow parameters, instead of `parameters`.",
        1,
        1093,
        _S3_OBJECT,
    ),
    Member(
        "storageCapacity",
        Kind.INTEGER,
        "Static run storage in GiB, by default 1,200; ignored for `DYNAMIC`.",
        0,
        100_000,
    ),
    Member("outputUri", Kind.TEXT, "S3 URI below which the outputs are written.", 1, 750, PRINTABLE, required=True),
    _choice("logLevel", "Log level; `OFF` also stops the run's metrics.", "OFF", "FATAL", "ERROR", "ALL"),
    Member("tags", Kind.TAGS, "Tags of the run, at most 45 beside the provider's own five."),
    Member("requestId", Kind.TEXT, "Idempotency token, sent unchanged; derived by default.", 1, 128, PRINTABLE),
    _choice("retentionMode", "`REMOVE` lets HealthOmics delete the oldest runs at the quota.", "RETAIN", "REMOVE"),
    _choice("storageType", "Run storage; set it, as the service's default has changed.", "STATIC", "DYNAMIC"),
    Member("workflowOwnerId", Kind.TEXT, "Account that shares the workflow.", pattern="[0-9]{12}"),
    Member("workflowVersionName", Kind.TEXT, "Version of the workflow; its default version if absent.", 1, 64, _NAME),
    _choice("networkingMode", "`VPC` reaches beyond the Region's S3 and ECR.", "RESTRICTED", "VPC", longest=None),
    _choice(
        "scratchStorageMode",
        "Where `/tmp` of CPU tasks lies: the task's own disk or the run's storage.",
        "LOCAL",
        "SHARED",
    ),
    Member("configurationName", Kind.TEXT, "Configuration of the VPC to use.", 1, 128, _NAME),
    Member(
        "sessionPolicy",
        Kind.JSON_TEXT,
        "IAM policy that narrows the service role; must allow `logs:CreateLogStream` and `logs:PutLogEvents`.",
        1,
        2048,
        _POLICY,
    ),
    Member("engineSettings", Kind.DOCUMENT, "Settings of the Nextflow engine; ignored for WDL and CWL."),
    _choice(
        "outputUriPrefixMode",
        "`NONE_WITH_OVERWRITE` writes without a run-specific prefix.",
        "SERVICE_DEFINED",
        "NONE_WITH_OVERWRITE",
        longest=None,
    ),
    Member(
        "requesterPaysEnabled",
        Kind.BOOLEAN,
        "Whether inputs may lie in Requester Pays buckets; your account pays for the reads.",
    ),
)

BY_ARGUMENT: dict[str, Member] = {member.argument: member for member in MEMBERS}
# The arguments that may name a JSON or YAML file beside the DAG.
FILE_ARGUMENTS = tuple(m.argument for m in MEMBERS if m.kind in (Kind.DOCUMENT, Kind.JSON_TEXT, Kind.TAGS))

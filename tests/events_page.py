# SPDX-License-Identifier: Apache-2.0
"""The JSON documents of the page on events, and queues and rules made by them."""

from __future__ import annotations

import json
import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs/events.md"


def document(words):
    """Return the JSON document that a paragraph with these words introduces."""
    found = re.findall(r"((?:[^\n]+\n)+)\n```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    [text] = [text for before, text in found if words in before.replace("\n", " ")]
    return json.loads(text)


def make_queue(omics, name, rule):
    """Return the URL of a queue into which the page's rule that these words introduce puts events."""
    sqs, rules = omics.client("sqs"), omics.client("events")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rules.put_rule(Name=name, EventPattern=json.dumps(rule if isinstance(rule, dict) else document(rule)))
    rules.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    return url


def messages_in(omics, url):
    """Return how many messages a queue holds, and how many of them somebody has received and not deleted."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = omics.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    visible, received = (int(told[name]) for name in names)
    return visible + received, received

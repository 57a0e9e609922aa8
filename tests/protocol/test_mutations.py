# SPDX-License-Identifier: Apache-2.0
"""No rule of the protocol can be broken unnoticed."""

import pytest

from airflow_provider_omics.compat import AIRFLOW_2
from tests.protocol.mutations import MUTATIONS, PACKAGE, ROOT, RULES, survives


def test_every_rule_is_in_the_code_once():
    rules = {it.rule: (ROOT / PACKAGE / it.file).read_text().count(it.old) for it in MUTATIONS}
    assert [rule for rule, times in rules.items() if times != 1] == []


def test_every_row_names_a_test_that_exists():
    missing = []
    for it in MUTATIONS:
        file, _, name = it.test.partition("::")
        if not (ROOT / file).is_file() or (name and f"def {name}(" not in (ROOT / file).read_text()):
            missing.append(f"{it.rule}: {it.test}")
    assert missing == []


def test_a_rule_is_among_those_of_the_package_that_keeps_it():
    apart = [(it.rule, module.__name__) for module in RULES for it in module.MUTATIONS]
    kept = [(it.rule, f"tests.protocol.rules.{it.file.partition('/')[0]}") for it in MUTATIONS]
    assert apart == kept


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(AIRFLOW_2, reason="once is enough: the rules are the same on both Airflow lines")
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.rule)
def test_a_broken_rule_is_noticed(mutation):
    assert survives(mutation) is None

# SPDX-License-Identifier: Apache-2.0
"""A throw-away Airflow home: its configuration, and its database ready to use."""

from __future__ import annotations

import atexit
import base64
import configparser
import functools
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from packaging.version import Version

AIRFLOW = version("apache-airflow")
AIRFLOW_3 = not AIRFLOW.startswith("2.")
# Task loops are new in 3.4.
LOOPS = AIRFLOW_3 and Version(AIRFLOW) >= Version("3.4.0b1")


@functools.cache
def own_home() -> Path:
    """Return this process's throw-away home, which takes the place of the user's own Airflow and AWS settings."""
    if "airflow.configuration" in sys.modules:
        from airflow.configuration import AIRFLOW_HOME  # noqa: PLC0415 - importing it earlier would read the settings

        raise RuntimeError(
            f"Airflow has been imported, and has read the settings in {AIRFLOW_HOME}, before run_dag could give it a "
            "home of its own. Write these two lines at the top of conftest.py: "
            "from airflow_provider_omics.testing import use_airflow_home; use_airflow_home()"
        )
    home = Path(tempfile.mkdtemp(prefix="airflow-home-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    clean = environment(home)
    for name in os.environ.keys() - clean.keys():
        del os.environ[name]
    os.environ.update(clean)
    (home / "dags").mkdir()
    write_config(home, home / "dags")
    return home


def write_config(home: Path, dags_folder: Path, port: int = 8080) -> None:
    """Write the ``airflow.cfg`` that every process with this AIRFLOW_HOME then shares."""
    processor = "dag_processor" if AIRFLOW_3 else "scheduler"
    url = f"http://127.0.0.1:{port}"
    config: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": dags_folder,
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": 4,
            "dags_are_paused_at_creation": False,
            "default_task_retry_delay": 1,
            "fernet_key": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "simple_auth_manager_all_admins": True,
            "execution_api_server_url": f"{url}/execution/",
        },
        "database": {"sql_alchemy_conn": f"sqlite:///{home}/airflow.db"},
        "logging": {"colored_console_log": False},
        "api": {"base_url": url, "secret_key": secrets.token_hex()},
        "api_auth": {"jwt_secret": secrets.token_hex()},
        "webserver": {"secret_key": secrets.token_hex()},
        "scheduler": {"enable_health_check": False},
        "usage_data_collection": {"enabled": False},
        "metrics": {"timer_unit_consistency": True},
    }
    config.setdefault(processor, {})["min_file_process_interval"] = 5
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict(config)
    with (home / "airflow.cfg").open("w") as file:
        parser.write(file)


def environment(home: Path) -> dict[str, str]:
    """Return this process's environment with that home, and without the user's own Airflow and AWS settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "_AIRFLOW", "AWS_"))}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "PYTHONWARNINGS": "ignore",
        # 2.11 refuses SQLite under parallel executors; in WAL mode, and with a handful of tasks, it serves.
        "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
        # Airflow renames its processes; without this the new name overwrites the environment by which they are found.
        "SPT_NOENV": "1",
    }


def make_database(home: Path, kept: Path) -> None:
    """Give a home a migrated database: a copy of one in the folder ``kept``, made once, because that takes long."""
    template = kept / f"airflow-{AIRFLOW}.db"
    if not template.exists():
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept) as scratch:
            made = Path(scratch).resolve()
            write_config(made, made / "dags")
            migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
            done = subprocess.run(migrate, env=environment(made), capture_output=True, text=True, check=False)  # noqa: S603 - our own command
            if done.returncode:
                raise RuntimeError(f"`airflow db migrate` failed:\n{done.stdout}{done.stderr}")
            with closing(sqlite3.connect(made / "airflow.db")) as database:
                database.execute("PRAGMA journal_mode=WAL")
            (made / "airflow.db").replace(template)
    shutil.copy(template, home / "airflow.db")

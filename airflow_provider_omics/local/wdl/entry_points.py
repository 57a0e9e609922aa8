# SPDX-License-Identifier: Apache-2.0
"""The plugins that miniwdl finds in the runs of the endpoint: what runs its tasks, and all that it reads by a URI."""

from __future__ import annotations

import os
from pathlib import Path

# miniwdl would download the first three by itself; the rest is what users try. Any other is refused as no input at all.
REFUSED_SCHEMES = ("http", "https", "ftp", "gs", "az", "drs", "dx", "file", "S3")
# Not in the package's own metadata: somebody's own miniwdl in this environment keeps its downloads.
PLUGINS = """
[miniwdl.plugin.container_backend]
omics_sandbox = airflow_provider_omics.local.wdl.backend:SandboxContainer
omics_host = airflow_provider_omics.local.wdl.backend:HostContainer
[miniwdl.plugin.file_download]
{file_schemes}
[miniwdl.plugin.directory_download]
{directory_schemes}
[miniwdl.plugin.cache_backend]
omics_local = airflow_provider_omics.local.wdl.cache_plugin:RunCache
[miniwdl.plugin.workflow]
omics_local = airflow_provider_omics.local.wdl.download_plugins:workflow
"""
_MODULE = "airflow_provider_omics.local.wdl.download_plugins"


def write_plugins(directory: Path) -> None:
    """Make a folder for ``PYTHONPATH`` in which miniwdl finds the plugins."""
    metadata = directory / "omics_local_run-0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: omics-local-run\nVersion: 0\n")
    schemes = ("s3", "omics", *REFUSED_SCHEMES)
    lines = {
        f"{kind}_schemes": "\n".join(f"{scheme} = {_MODULE}:download_{kind}" for scheme in schemes)
        for kind in ("file", "directory")
    }
    (metadata / "entry_points.txt").write_text(PLUGINS.format(**lines))


def python_path(*first: Path) -> str:
    """Return a ``PYTHONPATH`` for a process that has to have the same package as this one."""
    return os.pathsep.join(map(str, (*first, Path(__file__).parents[3])))

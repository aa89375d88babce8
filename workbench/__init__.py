"""Record language models, vision models, networks and brains; analyse them alike.

Everything public is imported on first use, so that ``import workbench`` stays light.

Examples
--------
>>> import workbench as wb
>>> rec = wb.from_arrays({"layer": [[0.0, 1.0], [1.0, 0.0]]}, rows={"label": ["a", "b"]})
>>> rec["layer"].shape
(2, 2)
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.analysis.base import Analysis, Example, Findings
    from workbench.analysis.measure import Measure, Null
    from workbench.analysis.registry import analysis_names, load_analysis
    from workbench.analysis.result import Result
    from workbench.analysis.spec import Spec
    from workbench.api import analyze, capture, open, stream, verify
    from workbench.errors import UsageError, WorkbenchError
    from workbench.recording.activations import Activations
    from workbench.recording.arrays import from_arrays
    from workbench.recording.joining import concatenate
    from workbench.recording.recording import Recording

try:
    __version__ = version("workbench")
except PackageNotFoundError:
    __version__ = "0+unknown"

_HOMES = {
    "Analysis": "workbench.analysis.base",
    "Example": "workbench.analysis.base",
    "Findings": "workbench.analysis.base",
    "Measure": "workbench.analysis.measure",
    "Null": "workbench.analysis.measure",
    "analysis_names": "workbench.analysis.registry",
    "load_analysis": "workbench.analysis.registry",
    "Result": "workbench.analysis.result",
    "Spec": "workbench.analysis.spec",
    "analyze": "workbench.api",
    "capture": "workbench.api",
    "open": "workbench.api",
    "stream": "workbench.api",
    "verify": "workbench.api",
    "UsageError": "workbench.errors",
    "WorkbenchError": "workbench.errors",
    "Activations": "workbench.recording.activations",
    "Recording": "workbench.recording.recording",
    "concatenate": "workbench.recording.joining",
    "from_arrays": "workbench.recording.arrays",
}
__all__ = [
    "Activations",
    "Analysis",
    "Example",
    "Findings",
    "Measure",
    "Null",
    "Recording",
    "Result",
    "Spec",
    "UsageError",
    "WorkbenchError",
    "__version__",
    "analysis_names",
    "analyze",
    "capture",
    "concatenate",
    "from_arrays",
    "load_analysis",
    "open",
    "stream",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'workbench' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The Python front door: capture, open, analyze, verify."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError, WorkbenchError
from workbench.recording.verify import verify_recording as verify

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from workbench.analysis.result import Result
    from workbench.recording.recording import Recording

__all__ = ["analyze", "capture", "open", "verify"]


def open(path: str | Path) -> Recording | Result:
    """Open whatever the workbench wrote: a recording or a result.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Recording or Result

    Raises
    ------
    WorkbenchError
        If the folder holds neither, is damaged, or was written by a newer version.
    """
    from workbench.analysis.result import META, open_result
    from workbench.recording.manifest import MANIFEST
    from workbench.recording.recording import open_recording

    root = Path(path)
    if (root / MANIFEST).exists():
        return open_recording(root)
    if (root / META).exists():
        return open_result(root)
    raise WorkbenchError(
        f"Found neither a recording nor a result at '{root}'; expected a folder that "
        "'workbench capture' or 'workbench analyze' wrote: check the path."
    )


def analyze(
    analysis: str,
    recording: Recording | str | Path,
    *,
    executor: str = "serial",
    threads: int | None = None,
    **parameters: Any,
) -> Result:
    """Run an analysis on a recording.

    Parameters
    ----------
    analysis : str
        Name of an installed analysis.
    recording : Recording or path
    executor : str
        ``serial`` or ``processes``.
    threads : int, optional
        BLAS threads; all cores by default.
    **parameters
        Parameters of the analysis, and its companion recordings by name.

    Returns
    -------
    Result

    Raises
    ------
    UsageError
        If the analysis, a parameter or what it needs does not exist.

    Examples
    --------
    >>> import numpy as np, workbench as wb
    >>> generator = np.random.default_rng(0)
    >>> labels = np.repeat(["noun", "verb"], 60)
    >>> activity = generator.normal(size=(120, 5)) + 2 * (labels == "verb")[:, None]
    >>> rec = wb.from_arrays({"layer": activity}, rows={"label": labels})
    >>> result = wb.analyze("word_classes", rec, labels="label", embeddings=())
    >>> all(m.beats_null for m in result.measures if m.name == "gdv")
    True
    """
    from workbench.analysis.registry import configured_analysis
    from workbench.recording.recording import open_recording

    plugin, companions = configured_analysis(analysis, parameters)
    if isinstance(recording, (str, Path)):
        recording = open_recording(recording)
    return plugin.fit(recording, executor=executor, threads=threads, **companions).result_


def capture(
    subject: str,
    *,
    out: str | Path,
    sites: str | list[str] = "*",
    text: str | Path | Sequence[str] | None = None,
    tokens: str | Path | NDArray[np.integer] | None = None,
    images: str | Path | NDArray | None = None,
    stimuli: Any = None,
    positions: str | Sequence[int] = "all",
    dtype: str = "auto",
    max_rows: int | None = None,
    batch_tokens: int = 4096,
    device: str = "auto",
    progress: bool = False,
    **options: Any,
) -> Recording:
    """Record a subject.

    Parameters
    ----------
    subject : str
        Address, such as ``hf:./model``, ``demo:language`` or ``npz:traces.npz``.
    out : str or Path
        Folder to write. If it holds part of the same recording, the capture continues.
    sites : str or list of str
        Names or globs; all sites by default.
    text : path or sequence of str, optional
        For language models: a file, ``.txt`` (one text a line), ``.jsonl``, ``.conllu`` or
        ``.parquet``, or the texts themselves.
    tokens : path or array (texts, length), optional
        Token ids, or an ``.npy`` file of them, for a model without tokenizer.
    images : path or array (images, y, x, channels), optional
        For vision models: a folder, a ``.parquet`` or an ``.npz`` file, or the images themselves.
    stimuli : optional
        Any of these where the name does not matter, arrays for a torch network, or the name of one
        of a demo subject's own sets.
    positions : str or sequence of int
        ``all`` rows, the ``last`` of each stimulus, the ``mean`` over each ``word``, stimulus
        (``mean``) or ``trial``, or indices into each stimulus.
    dtype : str
        Storage dtype: ``float32``, ``float16``, ``bfloat16`` or ``float64``; ``auto`` is float32
        for activity of models and whatever lies in the file for recorded brains.
    max_rows : int, optional
        Stop after so many rows.
    batch_tokens : int
        Tokens in one forward pass.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    progress : bool
        Show a progress bar.
    **options
        Options of the subject kind, such as ``text_field`` for ``.jsonl``.

    Returns
    -------
    Recording

    Raises
    ------
    UsageError
        If the subject, the stimuli or a site does not exist, or the folder holds something else.
    WorkbenchError
        If the model or the disk fails; what was committed stays.
    """
    from workbench.capturing.engine import run_capture
    from workbench.capturing.request import CaptureRequest, parse_positions
    from workbench.recording.recording import open_recording

    request = CaptureRequest(
        subject=subject,
        sites=sites,
        text=Path(text) if isinstance(text, (str, Path)) else text,
        tokens=Path(tokens) if isinstance(tokens, (str, Path)) else tokens,
        images=Path(images) if isinstance(images, (str, Path)) else images,
        stimuli=stimuli,
        positions=parse_positions(positions),
        dtype=dtype,
        max_rows=max_rows,
        batch_tokens=batch_tokens,
        device=device,
        options=options,
    )
    if not str(out):
        raise UsageError("Found an empty --out; expected a folder to write.")
    return open_recording(run_capture(request, Path(out), progress=progress))

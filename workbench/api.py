"""The Python front door: capture, stream, open, analyze, verify."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError, WorkbenchError
from workbench.recording.verify import verify_recording as verify

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from workbench.analysis.result import Result
    from workbench.capturing.live import Stream
    from workbench.recording.recording import Recording

__all__ = ["analyze", "capture", "open", "stream", "verify"]


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
        ``serial``, ``processes`` or ``ray``.
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
    subject: str | torch.nn.Module,
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
    shard_rows: int | None = None,
    device: str = "auto",
    executor: str = "serial",
    workers: int | None = None,
    worker: str | None = None,
    threads: int | None = None,
    progress: bool = False,
    **options: Any,
) -> Recording:
    """Record a subject.

    Parameters
    ----------
    subject : str or torch.nn.Module
        Address, such as ``hf:./model``, ``demo:language`` or ``npz:traces.npz``; or a network.
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
    shard_rows : int, optional
        Most rows of a shard, the unit of commit, resume and distribution; 16,384 by default.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    executor : str
        ``serial``, ``processes`` or ``ray``: the same bytes whichever runs.
    workers : int, optional
        Processes or Ray actors; two by default.
    worker : str, optional
        ``i/n``: compute only the share of worker ``i`` (from 0) of ``n`` that write to one folder.
    threads : int, optional
        Threads of every worker's arithmetic; all cores by default.
    progress : bool
        Show a progress bar.
    **options
        Options of the subject kind, such as ``text_field`` for ``.jsonl`` or ``bin`` for spikes.

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
    from workbench.capturing.request import make_request
    from workbench.capturing.running import Running
    from workbench.recording.recording import open_recording

    request = make_request(
        subject=subject,
        sites=sites,
        text=text,
        tokens=tokens,
        images=images,
        stimuli=stimuli,
        positions=positions,
        dtype=dtype,
        max_rows=max_rows,
        batch_tokens=batch_tokens,
        shard_rows=shard_rows,
        device=device,
        options=options,
    )
    if not str(out):
        raise UsageError("Found an empty --out; expected a folder to write.")
    running = Running(executor, workers, worker, threads, progress)
    return open_recording(run_capture(request, Path(out), running))


def stream(
    subject: str | torch.nn.Module,
    stimuli: Any = None,
    sites: str | list[str] = "*",
    **arguments: Any,
) -> Stream:
    """Read a subject without recording it: the same batches, and nothing on disk.

    Parameters
    ----------
    subject : str or torch.nn.Module
    stimuli : optional
        As of `capture`.
    sites : str or list of str
    **arguments
        As of `capture`: ``text``, ``positions``, ``dtype``, ``max_rows`` and so on, and options of
        the subject kind.

    Returns
    -------
    Stream
        Computed when it is read; analyses take it like a recording.

    Raises
    ------
    UsageError
        As `capture`.

    Examples
    --------
    >>> import workbench as wb
    >>> live = wb.stream("demo:vision", sites="*", max_rows=20)
    >>> next(iter(live[live.sites[0]].batches(8))).shape[0]
    8
    """
    from workbench.capturing.live import Stream
    from workbench.capturing.request import make_request
    from workbench.subjects.addresses import open_source

    request = make_request(subject=subject, stimuli=stimuli, sites=sites, **arguments)
    return Stream(open_source(request, None))

"""From an address such as ``hf:gpt2`` to a subject."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from workbench.capturing.source import SiteInfo, Source

SUBJECTS = {
    "hf:NAME_OR_FOLDER": "a Hugging Face language model, through TransformerLens",
    "hf-vision:NAME_OR_FOLDER": "a Hugging Face vision model: ViT, DINOv2, CLIP, ResNet ...",
    "torch:MODULE:FACTORY": "any torch.nn.Module that a function returns",
    "nwb:FILE": "a recorded brain in Neurodata Without Borders",
    "mne:FILE": "MEG or EEG that MNE-Python reads: fif, edf, bdf, set",
    "nifti:FILE": "fMRI in NIfTI, voxels or regions of an atlas",
    "npz:FILE": "traces in an .npz or .npy file",
    "csv:FILE": "traces in a .csv or .tsv file",
    "mat:FILE": "traces in a MATLAB file, v5 or v7.3",
    "suite2p:FOLDER": "calcium imaging as suite2p leaves it",
    "caiman:FILE": "calcium imaging as CaImAn leaves it, in HDF5",
    "demo:language": "a small GPT-2 trained on English; @initial, @middle, @final",
    "demo:vision": "a small convolutional network trained on scenes; @initial, @middle, @final",
    "demo:rnn": "a recurrent network trained on a decision task; @initial, @middle, @final",
    "demo:brain": "resting-state fMRI of 31 regions of a human brain",
    "demo:brain-spikes": "auditory spikes of a grasshopper with their stimulus",
}
# Modules with `open_subject(request, name, staging)` and `subject_sites(request, name)`.
_HOMES = {
    "hf": "workbench.subjects.language.opening",
    "hf-vision": "workbench.subjects.vision.opening",
    "torch": "workbench.subjects.networks.opening",
    "nwb": "workbench.subjects.brains.nwb",
    "mne": "workbench.subjects.brains.meg",
    "nifti": "workbench.subjects.brains.nifti",
    "npz": "workbench.subjects.brains.npz",
    "csv": "workbench.subjects.brains.csv",
    "mat": "workbench.subjects.brains.matlab",
    "suite2p": "workbench.subjects.brains.suite2p",
    "caiman": "workbench.subjects.brains.caiman",
    "demo": "workbench.subjects.demo",
}


def open_source(request: CaptureRequest, staging: Path | None) -> Source:
    """Open a subject together with its stimuli.

    Parameters
    ----------
    request : CaptureRequest
    staging : Path, optional
        Folder that may get tables at once; None keeps them in memory.

    Returns
    -------
    Source

    Raises
    ------
    UsageError
        If the address or what it names does not exist.
    """
    scheme, name = _split(request.subject)
    source: Source = import_module(_HOMES[scheme]).open_subject(request, name, staging)
    return source


def list_sites(request: CaptureRequest) -> list[SiteInfo]:
    """Sites of a subject, in the order in which activity passes through them.

    Parameters
    ----------
    request : CaptureRequest
        Of which sites and positions do not matter, and stimuli only where shapes depend on them.

    Returns
    -------
    list of SiteInfo

    Raises
    ------
    UsageError
    """
    scheme, name = _split(request.subject)
    infos: list[SiteInfo] = import_module(_HOMES[scheme]).subject_sites(request, name)
    return infos


def _split(subject: Any) -> tuple[str, str]:
    # Anything that is no address can only be a network itself.
    return split_address(subject) if isinstance(subject, str) else ("torch", "")


def split_address(address: str) -> tuple[str, str]:
    """Scheme and name of an address.

    Raises
    ------
    UsageError
        If the scheme is not known or the name is empty.

    Examples
    --------
    >>> split_address("hf:./model")
    ('hf', './model')
    >>> split_address("gpt2")
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: Found subject 'gpt2'; expected an address ... such as 'hf:gpt2'.
    """
    scheme, separator, name = address.partition(":")
    if not separator or not name:
        raise UsageError(
            f"Found subject '{address}'; expected an address with a scheme and a name, such as "
            f"'hf:{address.strip(':') or 'gpt2'}'."
        )
    if scheme not in _HOMES:
        raise UsageError(f"Found subject scheme '{scheme}:'; {nearest(scheme, _HOMES)}")
    return scheme, name

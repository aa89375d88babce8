"""From an address such as ``hf:gpt2`` to a subject."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from workbench.capturing.source import SiteInfo, Source

SUBJECTS = {
    "hf:NAME_OR_FOLDER": "a Hugging Face language model, through TransformerLens",
    "demo:language": "a small GPT-2 trained on English; @initial, @middle, @final",
    "demo:vision": "a small convolutional network trained on digits; @initial, @middle, @final",
    "demo:rnn": "a recurrent network trained on a decision task; @initial, @middle, @final",
    "demo:brain": "resting-state fMRI of 31 regions of a human brain",
    "demo:brain-spikes": "auditory spikes of a grasshopper with their stimulus",
}


def open_source(request: CaptureRequest, staging: Path) -> Source:
    """Open a subject together with its stimuli.

    Parameters
    ----------
    request : CaptureRequest
    staging : Path
        Folder that may get tables at once.

    Returns
    -------
    Source

    Raises
    ------
    UsageError
        If the address or what it names does not exist.
    """
    scheme, name = split_address(request.subject)
    if scheme == "hf":
        return _language(request, name, staging)
    from workbench.subjects.demo import open_demo

    return open_demo(request, name, staging)


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
    if scheme not in ("hf", "demo"):
        raise UsageError(f"Found subject scheme '{scheme}:'; {nearest(scheme, ('hf', 'demo'))}")
    return scheme, name


def list_sites(address: str, device: str = "auto") -> list[SiteInfo]:
    """Sites of a subject, in the order in which activity passes through them.

    Parameters
    ----------
    address : str
    device : str

    Returns
    -------
    list of SiteInfo

    Raises
    ------
    UsageError
    """
    scheme, name = split_address(address)
    if scheme == "hf":
        from workbench.subjects.language.model import LanguageModel

        return LanguageModel(name, device).sites()
    from workbench.subjects.demo import demo_sites

    return demo_sites(name, device)


def _language(request: CaptureRequest, name: str, staging: Path) -> Source:
    from workbench.subjects.language.model import LanguageModel
    from workbench.subjects.language.source import LANGUAGE_OPTIONS, LanguageSource
    from workbench.subjects.language.texts import open_texts

    request.check_options(LANGUAGE_OPTIONS)
    texts = None
    if request.text is not None:
        texts = open_texts(request.text, request.option("text_field", "text"))
    model = LanguageModel(name, request.device, request.option("model_dtype", "float32"))
    return LanguageSource(request, model, texts, staging)

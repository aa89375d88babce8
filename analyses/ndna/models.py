"""Curves of a model that can be opened, whatever it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from analyses.ndna.curves import Curves
from analyses.ndna.opening import Opened, open_classifier, open_language
from analyses.ndna.reading import Chunks, curves_of
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.subjects.vision.model import VisionModel

LENSES = ("logit", "tuned")
# Of the embedded vision network: after every non-linearity, where there is something to read.
_DEMO_SITES = ("relu1", "pool2", "relu3", "pool4", "relu5")


@dataclass(frozen=True)
class Reading:
    """How a model is read.

    Attributes
    ----------
    lens : {"logit", "tuned"}
    temperature : float
    chunks : Chunks
    n_steps, seed : int
        Of the training of a tuned lens.
    device : str
    """

    lens: str = "logit"
    temperature: float = 1.0
    chunks: Chunks = field(default_factory=Chunks)
    n_steps: int = 200
    seed: int = 0
    device: str = "auto"


def model_curves(
    model: Any,
    inputs: Any,
    targets: Any,
    training: Any,
    reading: Reading,
    *,
    tokenizer: Any = None,
    sites: Sequence[str] | None = None,
    name: str | None = None,
) -> Curves:
    """Curves of a model; see `NDNA.curves`."""
    address = model if isinstance(model, str) else ""
    if address.partition("@")[0] == "demo:vision":
        return _demo_vision(address, inputs, targets, training, reading, sites, name)
    if address.startswith("hf-vision:"):
        from workbench.subjects.vision.model import VisionModel

        opened_model = VisionModel(address.partition(":")[2])
        inputs, training = (_pictures(opened_model, each) for each in (inputs, training))
        model, name = opened_model.network, name or address
    if inputs is None:
        raise UsageError("Found no inputs for the model; expected texts, token ids or images.")
    if not isinstance(model, str) and sites is not None:
        return _network(model, inputs, targets, training, reading, sites, name)
    if isinstance(model, str) or _is_language(model):
        if targets is not None:
            raise UsageError(
                "Found targets for a language model; its targets are its own tokens: leave them "
                "out."
            )

        def opened(given: Any) -> Opened:
            return open_language(
                model,
                given,
                tokenizer=tokenizer,
                name=name,
                device=reading.device,
                temperature=reading.temperature,
                seed=reading.seed,
            )

        return _read(opened, inputs, training, reading)
    if not hasattr(model, "config"):
        raise UsageError(
            f"Found {type(model).__name__} without sites; expected sites= with the names of its "
            "modules in order of depth, to be read by tuned read-outs."
        )

    def classifier(given: Any) -> Opened:
        right = targets if given is inputs else None
        return open_classifier(model, given, right, name=name, temperature=reading.temperature)

    if reading.lens == "tuned" and training is None:
        raise UsageError("Found no training inputs for a tuned lens; expected training= images.")
    return _read(classifier, inputs, training, reading)


def _read(opened: Any, inputs: Any, training: Any, reading: Reading) -> Curves:
    attributes: dict[str, Any] = {"lens": reading.lens, "temperature": reading.temperature}
    if reading.lens == "logit":
        given = opened(inputs)
        lens: Any = given.blocks.lens
    else:
        from analyses.ndna.tuning import tune

        if training is None:
            # Training text must not be what is measured.
            half = len(inputs) // 2 if not isinstance(inputs, str) else 0
            if not half:
                raise UsageError(
                    "Found no training text for a tuned lens; expected training=, or two prompts "
                    "or more, of which half are trained on."
                )
            training, inputs = inputs[:half], inputs[half:]
        learnt = opened(training)
        lens, losses = tune(
            learnt.read(), learnt.blocks.lens, n_steps=reading.n_steps, seed=reading.seed
        )
        given = opened(inputs)
        lens = replace(lens, base=given.blocks.lens)
        attributes |= losses
    return curves_of(
        given.name,
        given.sites,
        given.read(),
        lens,
        vocabulary=given.vocabulary,
        attributes={**given.attributes, **attributes},
        chunks=reading.chunks,
    )


def _is_language(model: Any) -> bool:
    return getattr(model, "main_input_name", "") == "input_ids" and hasattr(model, "config")


def _network(
    model: Any,
    inputs: Any,
    targets: Any,
    training: Any,
    reading: Reading,
    sites: Sequence[str],
    name: str | None,
    n_classes: int | None = None,
) -> Curves:
    from analyses.ndna.networks import network_curves

    if reading.lens != "tuned":
        raise UsageError(
            "Found lens='logit' for layers with widths of their own; expected lens='tuned', which "
            "trains a read-out for each."
        )
    return network_curves(
        model,
        inputs,
        targets,
        training,
        sites=sites,
        name=name or type(model).__name__,
        n_classes=n_classes,
        n_steps=reading.n_steps,
        seed=reading.seed,
        chunks=reading.chunks,
    )


def _pictures(model: VisionModel, given: Any) -> Any:
    """Inputs of a model from pictures (pictures, y, x, 3), by its own preprocessing.

    What has its three channels first is taken to be inputs already.
    """
    if given is None:
        return None
    import numpy as np

    from workbench.subjects.vision.pictures import ArrayPictures
    from workbench.subjects.vision.preprocessing import ProcessorPreprocessing

    values = np.asarray(given)
    if values.ndim == 4 and values.shape[1] == 3 and values.dtype.kind == "f":
        return given
    shown = ArrayPictures(values, None, "inputs")
    return ProcessorPreprocessing(model.processor())([shown.read(n) for n in range(len(values))])


def _demo_vision(
    address: str,
    inputs: Any,
    targets: Any,
    training: Any,
    reading: Reading,
    sites: Sequence[str] | None,
    name: str | None,
) -> Curves:
    from workbench.demo.scene_words import DIGITS
    from workbench.demo.vision import images, network

    if inputs is None:
        inputs, table = images("test")
        targets = table["digit"].to_numpy()
    if training is None:
        training = images("train")[0]
    opened = network(address.partition("@")[2] or "final")
    shown = name or address
    # Its other answers are on shapes and colours; several of them can be right at once.
    n_digits = len(DIGITS)
    places = sites or _DEMO_SITES
    return _network(opened, inputs, targets, training, reading, places, shown, n_digits)

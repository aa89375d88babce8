"""Which next tokens an atom makes likelier: its direction read by the model's own unembedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    import torch

    from workbench.recording.recording import Recording

N_TOKENS = 6
_NORMS = (
    "transformer.ln_f",
    "model.norm",
    "gpt_neox.final_layer_norm",
    "model.decoder.final_layer_norm",
    "model.final_layernorm",
)
_WRITES_TO_STREAM = ("resid", "mlp_out", "attn_out", "hook_out")


@dataclass(frozen=True)
class Unembedding:
    """What turns a direction of the residual stream into next tokens.

    Attributes
    ----------
    matrix : ndarray (tokens, units)
        Scaled by the gain of the last norm, and centred over tokens.
    tokens : ndarray (tokens,) of str
    centred : bool
        Whether the last norm takes the mean over units away.
    """

    matrix: NDArray[np.float32]
    tokens: NDArray[np.object_]
    centred: bool

    def extremes(
        self, atoms: NDArray[np.floating], n_tokens: int = N_TOKENS
    ) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
        """Tokens that atoms push up most, then those that they push down most.

        Parameters
        ----------
        atoms : ndarray (atoms, units)
        n_tokens : int
            In each direction.

        Returns
        -------
        tokens : ndarray (atoms, 2 * n_tokens) of str
        effect : ndarray (atoms, 2 * n_tokens)
            Change of the logit by one unit of the atom, less the mean over tokens, before the last
            norm divides by the length of the stream.

        Examples
        --------
        >>> tokens = np.array(["a", "b", "c"], dtype=object)
        >>> three = Unembedding(np.eye(3, dtype=np.float32), tokens, False)
        >>> three.extremes(np.array([[0.0, 2.0, -1.0]]), 1)[0].tolist()
        [['b', 'c']]
        """
        directions = atoms - atoms.mean(axis=1, keepdims=True) if self.centred else atoms
        effects = directions.astype(np.float32) @ self.matrix.T
        order = np.argsort(-effects, axis=1, kind="stable")
        n_tokens = min(n_tokens, effects.shape[1] // 2)
        chosen = np.concatenate([order[:, :n_tokens], order[:, ::-1][:, :n_tokens]], axis=1)
        return self.tokens[chosen], np.take_along_axis(effects, chosen, 1).astype(np.float64)


def reads_stream(site: str) -> bool:
    """Whether a site has the axes of the residual stream, by its name.

    Examples
    --------
    >>> reads_stream("blocks.0.hook_resid_post"), reads_stream("blocks.0.attn.hook_z")
    (True, False)
    """
    return any(part in site for part in _WRITES_TO_STREAM)


def find_unembedding(recording: Recording) -> Unembedding | str:
    """The unembedding of the model that was recorded, where it can be opened here.

    Parameters
    ----------
    recording : Recording

    Returns
    -------
    Unembedding or str
        Or why there is none.
    """
    if recording.kind != "language":
        return "the subject is no language model"
    try:
        folder = _folder(str(recording.subject.get("address", "")))
        return _unembedding(recording, folder) if folder else "the model is not at hand"
    except WorkbenchError as error:
        return f"the model could not be opened ({error})"


def _folder(address: str) -> str:
    from workbench.demo.language import folder

    scheme, _, name = address.partition(":")
    if scheme == "hf":
        return name
    demo, _, checkpoint = name.partition("@")
    return str(folder(checkpoint or "final")) if (scheme, demo) == ("demo", "language") else ""


def _unembedding(recording: Recording, folder: str) -> Unembedding | str:
    from workbench.subjects.language.identity import weights_digest
    from workbench.subjects.language.loading import load_network, load_tokenizer
    from workbench.subjects.language.tokens import token_texts

    network = load_network(folder, "cpu", "float32")
    recorded = recording.manifest.ingredients.get("subject", {}).get("weights")
    if recorded != weights_digest(network.plain, network.missing):
        return "the weights at its address are others than those recorded"
    model: Any = network.plain
    head = model.get_output_embeddings()
    if head is None:
        return "the model predicts no next token"
    matrix, centred = _scaled(network.plain, head.weight.detach().float())
    texts = token_texts(load_tokenizer(folder), len(matrix))
    return Unembedding(matrix - matrix.mean(axis=0), texts, centred)


def _scaled(model: torch.nn.Module, weight: torch.Tensor) -> tuple[NDArray[np.float32], bool]:
    norm = next((each for each in map(_submodule(model), _NORMS) if each is not None), None)
    gain = getattr(norm, "weight", None)
    if gain is None:
        return weight.numpy(), False
    return (weight * gain.detach().float()).numpy(), getattr(norm, "bias", None) is not None


def _submodule(model: torch.nn.Module) -> Any:
    def find(name: str) -> Any:
        try:
            return model.get_submodule(name)
        except AttributeError:
            return None

    return find

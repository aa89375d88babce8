"""Autoencoders in the format of SAELens: ``cfg.json`` beside ``sae_weights.safetensors``.

Both ways: `save` writes what ``sae_lens.SAE.load_from_disk`` reads, `load` reads what SAELens
writes, after training or for inference. Scaling of the input is folded into the weights, so that
both take activity as it is and give the same codes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError, nearest
from workbench.recording.files import write_atomically

if TYPE_CHECKING:
    from analyses.atoms.sae import ThresholdSAE

CONFIGURATION, WEIGHTS = "cfg.json", "sae_weights.safetensors"
# Name of the activation here to that of the architecture there; thresholds stand for batches.
_WRITTEN = {
    "threshold": "jumprelu",
    "batchtopk": "jumprelu",
    "standard": "standard",
    "topk": "topk",
}
_READ = {
    "jumprelu": "threshold",
    "batchtopk": "batchtopk",
    "standard": "standard",
    "topk": "topk",
}
# First version whose configuration has this layout.
_SAE_LENS = "6.37.0"
_OURS = "workbench"


def save(sae: ThresholdSAE, folder: str | Path) -> Path:
    """Write an autoencoder as SAELens reads it.

    Parameters
    ----------
    sae : ThresholdSAE
        Fitted.
    folder : path
        Made if it does not exist; an autoencoder in it is written over.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If nothing was learned yet.

    Examples
    --------
    >>> import tempfile
    >>> from analyses.atoms.sae import ThresholdSAE
    >>> rows = np.random.default_rng(0).standard_normal((200, 6)).astype(np.float32)
    >>> sae = ThresholdSAE(8, target_l0=2, n_steps=20, batch_size=64).fit(rows)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = load(save(sae, folder))
    >>> bool(abs(again.transform(rows) - sae.transform(rows)).max() < 1e-5)
    True
    """
    from safetensors.numpy import save as serialize

    sae._check_learned()
    folder, scale = Path(folder), np.float32(sae.input_scale_)
    weights = {
        "W_enc": sae.encoder_ * scale,
        "W_dec": sae.decoder_ / scale,
        "b_enc": sae.encoder_bias_,
        "b_dec": sae.decoder_bias_ / scale,
    }
    if _WRITTEN[sae.activation] == "jumprelu":
        # Theirs fires above its threshold, ours from it on: the next smaller number says the same.
        weights["threshold"] = np.nextafter(sae.threshold_, np.float32(-np.inf))
    contiguous = {name: np.ascontiguousarray(value) for name, value in weights.items()}
    write_atomically(folder, WEIGHTS, [serialize(contiguous)])
    text = json.dumps(_configuration(sae), indent=2, sort_keys=True)
    write_atomically(folder, CONFIGURATION, [text.encode()])
    return folder


def _configuration(sae: ThresholdSAE) -> dict[str, Any]:
    units, n_atoms = sae.encoder_.shape
    architecture = _WRITTEN[sae.activation]
    parameters = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in sae.get_params().items()
    }
    found: dict[str, Any] = {
        "architecture": architecture,
        "d_in": units,
        "d_sae": n_atoms,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {
            "sae_lens_version": _SAE_LENS,
            "sae_lens_training_version": None,
            "hook_name": sae.site_,
            _OURS: {"input_scale": sae.input_scale_, "parameters": parameters},
        },
    }
    if architecture == "topk":
        found |= {"k": round(float(sae.target_l0 or 1)), "rescale_acts_by_decoder_norm": False}
    return found


def load(folder: str | Path) -> ThresholdSAE:
    """Read an autoencoder that `save` or SAELens wrote.

    Parameters
    ----------
    folder : path
        With ``cfg.json`` and ``sae_weights.safetensors``.

    Returns
    -------
    ThresholdSAE
        Fitted, with the codes that SAELens gives. Its atoms have length one if `save` or training
        made them so; those of SAELens are taken as they are.

    Raises
    ------
    UsageError
        If the folder holds no autoencoder, or one of a kind that has no counterpart here.
    WorkbenchError
        If its files are damaged or do not fit each other.
    """
    folder = Path(folder)
    configuration, weights = _files(folder)
    architecture = str(configuration.get("architecture", "standard"))
    if architecture not in _READ:
        raise UsageError(
            f"Found an autoencoder of architecture '{architecture}' in '{folder}'; "
            f"{nearest(architecture, _READ)}"
        )
    _check_normalisation(folder, configuration)
    _check_shapes(folder, configuration, weights)
    ours = (configuration.get("metadata") or {}).get(_OURS)
    plain = _plain(configuration, weights)
    scale = float(ours["input_scale"]) if ours else 1.0
    return _estimator(configuration, architecture, plain, scale, ours)


def _files(folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    from safetensors import SafetensorError, safe_open

    for name in (CONFIGURATION, WEIGHTS):
        if not (folder / name).is_file():
            raise UsageError(
                f"Found no '{name}' in '{folder}'; expected the folder of an autoencoder, with "
                f"'{CONFIGURATION}' and '{WEIGHTS}'."
            )
    try:
        configuration = json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))
        # Through torch: numpy has no bfloat16.
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            names = list(file.keys())
            weights = {name: file.get_tensor(name).float().numpy() for name in names}
    except (SafetensorError, ValueError) as error:
        raise WorkbenchError(
            f"Cannot read the autoencoder in '{folder}' ({error}); its files are damaged: copy or "
            "save it again."
        ) from error
    if not isinstance(configuration, dict):
        raise WorkbenchError(f"Found no JSON object in '{folder / CONFIGURATION}'; save it again.")
    return configuration, weights


def _check_normalisation(folder: Path, configuration: dict[str, Any]) -> None:
    found = configuration.get("normalize_activations", "none")
    # Of the average norm only the training uses anything; SAELens folds it in when it ends.
    if found not in {"none", "expected_average_only_in"}:
        raise UsageError(
            f"Found normalize_activations='{found}' in '{folder}'; expected 'none': that depends "
            "on each row, so that no weights of an autoencoder can stand for it."
        )


def _check_shapes(
    folder: Path, configuration: dict[str, Any], weights: dict[str, NDArray[np.float32]]
) -> None:
    units, n_atoms = configuration.get("d_in"), configuration.get("d_sae")
    expected = {
        "W_enc": (units, n_atoms),
        "W_dec": (n_atoms, units),
        "b_enc": (n_atoms,),
        "b_dec": (units,),
    }
    if configuration.get("architecture") == "jumprelu":
        expected["log_threshold" if "log_threshold" in weights else "threshold"] = (n_atoms,)
    for name, shape in expected.items():
        found = weights[name].shape if name in weights else "nothing"
        if found != shape:
            raise WorkbenchError(
                f"Found {found} as '{name}' in '{folder}'; expected shape {shape}, as "
                f"'{CONFIGURATION}' says: save it again."
            )


def _plain(
    configuration: dict[str, Any], weights: dict[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Weights with decoder norms and the way the bias is used folded in."""
    encoder, bias = weights["W_enc"], weights["b_enc"]
    decoder, n_atoms = weights["W_dec"], len(weights["W_dec"])
    if configuration.get("rescale_acts_by_decoder_norm", False):
        lengths = np.linalg.norm(decoder, axis=1).astype(np.float32)
        encoder, bias = encoder * lengths, bias * lengths
        decoder = decoder / np.maximum(lengths, np.float32(1e-12))[:, None]
    if not configuration.get("apply_b_dec_to_input", True):
        bias = bias + weights["b_dec"] @ encoder
    threshold = np.zeros(n_atoms, dtype=np.float32)
    if "log_threshold" in weights:
        threshold = np.exp(weights["log_threshold"])
    elif "threshold" in weights:
        threshold = weights["threshold"]
    elif "topk_threshold" in weights:
        threshold = np.full(n_atoms, weights["topk_threshold"], dtype=np.float32)
    if threshold.any():
        threshold = np.nextafter(threshold, np.float32(np.inf))
    return {
        "encoder": encoder,
        "encoder_bias": bias,
        "decoder": decoder,
        "decoder_bias": weights["b_dec"],
        "threshold": threshold,
    }


def _estimator(
    configuration: dict[str, Any],
    architecture: str,
    plain: dict[str, NDArray[np.float32]],
    scale: float,
    ours: dict[str, Any] | None,
) -> ThresholdSAE:
    from analyses.atoms.sae import ThresholdSAE

    n_atoms = len(plain["decoder"])
    k = configuration.get("k")
    given = {
        "n_atoms": n_atoms,
        "activation": _READ[architecture],
        "target_l0": None if k is None else float(k),
    }
    sae = ThresholdSAE(**(ours["parameters"] if ours else given))
    sae.encoder_ = np.ascontiguousarray(plain["encoder"] / np.float32(scale))
    sae.decoder_ = np.ascontiguousarray(plain["decoder"] * np.float32(scale))
    sae.encoder_bias_ = plain["encoder_bias"]
    sae.decoder_bias_ = plain["decoder_bias"] * np.float32(scale)
    sae.threshold_ = plain["threshold"].astype(np.float32)
    sae.input_scale_ = scale
    sae.site_ = (configuration.get("metadata") or {}).get("hook_name")
    sae.site_ = sae.site_ or configuration.get("hook_name")
    sae.dead_ = np.zeros(n_atoms, dtype=bool)
    sae.history_ = {}
    sae.n_features_in_ = sae.decoder_.shape[1]
    sae.n_steps_ = 0
    return sae

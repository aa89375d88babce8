"""Autoencoders in SAELens' format: what either library writes gives the same codes in the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sae_lens import (
    SAE,
    BatchTopKTrainingSAE,
    BatchTopKTrainingSAEConfig,
    JumpReLUSAE,
    JumpReLUSAEConfig,
    JumpReLUTrainingSAE,
    JumpReLUTrainingSAEConfig,
    StandardSAE,
    StandardSAEConfig,
    TopKSAE,
    TopKSAEConfig,
    TopKTrainingSAE,
    TopKTrainingSAEConfig,
)

from analyses import atoms
from workbench.errors import UsageError, WorkbenchError

UNITS, ATOMS = 12, 40
pytestmark = pytest.mark.filterwarnings("ignore:L0 ended at")


def rows(seed: int = 0, n: int = 600) -> np.ndarray:
    mixing = np.random.default_rng(99).standard_normal((UNITS, UNITS))
    generator = np.random.default_rng(seed)
    return (generator.standard_normal((n, UNITS)) @ mixing + 3.0).astype(np.float32)


def fitted(**parameters: Any) -> atoms.ThresholdSAE:
    given = {"target_l0": 4, "n_steps": 150, "batch_size": 128, **parameters}
    return atoms.ThresholdSAE(ATOMS, **given).fit(rows())


@pytest.mark.parametrize("activation", ["threshold", "standard", "topk", "batchtopk"])
@pytest.mark.parametrize("input_norm", ["one", "units"])
def test_ours_in_theirs_gives_the_same_codes_and_reconstruction(
    tmp_path: Path, activation: str, input_norm: str
) -> None:
    ours = fitted(activation=activation, input_norm=input_norm)
    theirs = SAE.load_from_disk(str(atoms.save(ours, tmp_path / "sae")))
    x = rows(1)
    codes = ours.transform(x)
    with torch.no_grad():
        their_codes = theirs.encode(torch.from_numpy(x))
        their_rows = theirs.decode(their_codes).numpy()
    assert codes.nnz > len(x)
    np.testing.assert_allclose(codes.toarray(), their_codes.numpy(), atol=1e-5)
    np.testing.assert_allclose(ours.inverse_transform(codes), their_rows, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("activation", ["threshold", "standard", "topk", "batchtopk"])
def test_ours_comes_back_with_parameters_scale_and_site(tmp_path: Path, activation: str) -> None:
    ours = fitted(activation=activation, seed=3)
    ours.site_ = "blocks.1.hook_resid_post"
    again = atoms.load(atoms.save(ours, tmp_path))
    assert again.get_params() == ours.get_params()
    assert (again.site_, again.input_scale_) == (ours.site_, ours.input_scale_)
    np.testing.assert_array_equal(again.threshold_, ours.threshold_)
    np.testing.assert_allclose(again.decoder_, ours.decoder_, rtol=1e-6)
    np.testing.assert_allclose(
        again.transform(rows(1)).toarray(), ours.transform(rows(1)).toarray(), atol=1e-5
    )


def randomised(theirs: Any) -> Any:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 3)
            if "threshold" in name:
                parameter.abs_()
    return theirs


BASIC = {"d_in": UNITS, "d_sae": ATOMS}
THEIRS = {
    "standard": lambda: StandardSAE(StandardSAEConfig(**BASIC)),
    "jumprelu": lambda: JumpReLUSAE(JumpReLUSAEConfig(**BASIC)),
    "bias not on the input": lambda: JumpReLUSAE(
        JumpReLUSAEConfig(**BASIC, apply_b_dec_to_input=False)
    ),
    "topk": lambda: TopKSAE(TopKSAEConfig(**BASIC, k=5)),
    "topk by decoder norm": lambda: TopKSAE(
        TopKSAEConfig(**BASIC, k=5, rescale_acts_by_decoder_norm=True)
    ),
    "topk in training": lambda: TopKTrainingSAE(TopKTrainingSAEConfig(**BASIC, k=5)),
    "jumprelu in training": lambda: JumpReLUTrainingSAE(JumpReLUTrainingSAEConfig(**BASIC)),
}


@pytest.mark.parametrize("kind", THEIRS)
def test_theirs_in_ours_gives_the_same_codes_and_reconstruction(tmp_path: Path, kind: str) -> None:
    theirs = randomised(THEIRS[kind]())
    theirs.save_model(str(tmp_path))
    x = rows(2)
    with torch.no_grad():
        codes = theirs.encode(torch.from_numpy(x))
        decoded = theirs.decode(codes).numpy()
    ours = atoms.load(tmp_path)
    found = ours.transform(x)
    np.testing.assert_allclose(found.toarray(), codes.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours.inverse_transform(found), decoded, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("for_inference", [True, False])
def test_their_batchtopk_keeps_its_threshold(tmp_path: Path, for_inference: bool) -> None:
    theirs = randomised(BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(**BASIC, k=4)))
    theirs.topk_threshold.fill_(0.7)
    theirs.save_inference_model(tmp_path / "inference")
    theirs.save_model(str(tmp_path / "training"))
    inference = SAE.load_from_disk(str(tmp_path / "inference"))
    x = rows(2)
    ours = atoms.load(tmp_path / ("inference" if for_inference else "training"))
    with torch.no_grad():
        codes = inference.encode(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours.transform(x).toarray(), codes, rtol=1e-5, atol=1e-5)


def test_the_site_of_theirs_is_known(tmp_path: Path) -> None:
    theirs = StandardSAE(StandardSAEConfig(**BASIC))
    theirs.cfg.metadata.hook_name = "blocks.3.hook_resid_post"
    theirs.save_model(str(tmp_path))
    assert atoms.load(tmp_path).site_ == "blocks.3.hook_resid_post"


def test_a_folder_without_autoencoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Found no 'cfg.json'"):
        atoms.load(tmp_path)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    folder = atoms.save(fitted(), tmp_path)
    weights = folder / "sae_weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WorkbenchError, match="its files are damaged"):
        atoms.load(folder)
    weights.write_bytes(whole)
    (folder / "cfg.json").write_text("{")
    with pytest.raises(WorkbenchError, match="its files are damaged"):
        atoms.load(folder)


def test_weights_of_another_width_are_refused(tmp_path: Path) -> None:
    folder = atoms.save(fitted(), tmp_path)
    configuration = json.loads((folder / "cfg.json").read_text())
    configuration["d_in"] = UNITS + 1
    (folder / "cfg.json").write_text(json.dumps(configuration))
    with pytest.raises(WorkbenchError, match=r"'W_enc'.*expected shape \(13, 40\)"):
        atoms.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "gated"}, "architecture 'gated'"),
        ({"normalize_activations": "layer_norm"}, "normalize_activations='layer_norm'"),
    ],
)
def test_kinds_without_counterpart_are_refused(
    tmp_path: Path, change: dict[str, str], message: str
) -> None:
    folder = atoms.save(fitted(), tmp_path)
    configuration = json.loads((folder / "cfg.json").read_text()) | change
    (folder / "cfg.json").write_text(json.dumps(configuration))
    with pytest.raises(UsageError, match=message):
        atoms.load(folder)


def test_what_learned_nothing_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has learned nothing"):
        atoms.save(atoms.ThresholdSAE(4, target_l0=1), tmp_path)

"""What was shown while a recording was made, as far as labels need it: images and label maps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.types import Stimuli
from workbench.errors import UsageError
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    from workbench.subjects.vision.pictures import Pictures

IMAGES = "images"
# Larger pictures are shown smaller: exemplars of many units would fill the memory.
LARGEST = 96
_DEMO = ("split", "scene_seed", "scene")


def stimuli_for(
    recording: Recording, companion: Recording | None = None, images: str | None = None
) -> Stimuli | None:
    """Images behind the rows of a recording.

    Parameters
    ----------
    recording : Recording
    companion : Recording, optional
        Its site ``images`` holds pictures (stimulus, 3 or 1, y, x), from 0 to 1 or 0 to 255; its
        other sites are label maps (stimulus, 1, y, x), named after the concept. Rows are matched
        by the column ``stimulus``.
    images : str, optional
        Folder, ``.parquet`` or ``.npz`` file of the pictures that were recorded.

    Returns
    -------
    Stimuli or None
        Position n is stimulus number n of the recording; None where only the recording itself
        knows what was shown, such as texts or labels.

    Raises
    ------
    UsageError
        If stimuli are missing, or files are others than were recorded.
    """
    if companion is not None:
        return _with_labels(_of_companion(recording, companion), recording)
    if images is not None:
        return _with_labels(_of_files(recording, images), recording)
    # Several rows of one stimulus, such as image tokens, are no scenes of their own.
    if all(name in recording.rows for name in _DEMO) and recording.rows["stimulus"].is_unique:
        from workbench.demo.vision import stimuli_of

        scenes = stimuli_of(recording)
        order = np.argsort(recording.rows["stimulus"].to_numpy(), kind="stable")
        maps = {word: each[order] for word, each in scenes.label_maps.items()}
        found = Stimuli("vision", images=scenes.images[order], label_maps=maps)
        return _with_labels(found, recording)
    return _of_rows(recording)


def _with_labels(stimuli: Stimuli, recording: Recording) -> Stimuli:
    """Pictures with what the rows say of them, for backends that read labels."""
    known = _of_rows(recording)
    if known is None or len(known) != len(stimuli):
        return stimuli
    return replace(stimuli, labels=known.labels)


def _of_rows(recording: Recording) -> Stimuli | None:
    """Labels of the rows, where each row is a stimulus and no step in time."""
    table = recording.rows.reset_index(drop=True)
    whole = recording.kind in ("vision", "network") and table["stimulus"].is_unique
    if not whole or "time" in table:
        return None
    shown = recording.stimuli
    new = [name for name in shown.columns if name not in table and name != "stimulus"]
    joined = table.join(shown[new], on="stimulus") if new else table
    count = int(table["stimulus"].max()) + 1
    labels = joined.set_index("stimulus").reindex(range(count)).reset_index()
    return Stimuli("vision", labels=labels)


def _of_companion(recording: Recording, companion: Recording) -> Stimuli:
    number = companion.rows["stimulus"].to_numpy()
    wanted = np.arange(int(recording.rows["stimulus"].max()) + 1)
    place = {int(each): at for at, each in enumerate(number)}
    if any(int(each) not in place for each in wanted):
        raise UsageError(
            f"Found {len(place)} stimuli in the companion 'stimuli'; expected all {len(wanted)} "
            "that the recording names in its column 'stimulus'."
        )
    rows = np.array([place[int(each)] for each in wanted])
    maps = {
        site: _map(companion, site, rows) for site in companion.sites if site != IMAGES
    }  # fmt: skip
    images = _pixels(companion, rows) if IMAGES in companion else None
    return Stimuli("vision", images=images, label_maps=maps or None)


def _pixels(companion: Recording, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    values = companion[IMAGES].to_numpy(rows)
    if values.ndim != 4 or values.shape[1] not in (1, 3) or not np.isfinite(values).all():
        raise UsageError(
            f"Found finite or other images of shape {values.shape} in the companion 'stimuli'; "
            "expected finite ones of shape (stimuli, 3 or 1, y, x)."
        )
    last = np.moveaxis(values, 1, -1)
    scale = 255 if last.dtype.kind == "f" and last.max(initial=0) <= 1 else 1
    pixels = np.clip(np.round(last * scale), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:3], 3)))


def _map(companion: Recording, site: str, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    values = companion[site].to_numpy(rows)
    if values.ndim != 4 or values.shape[1] != 1:
        raise UsageError(
            f"Found the label map '{site}' of shape {values.shape} in the companion 'stimuli'; "
            "expected (stimuli, 1, y, x)."
        )
    return np.asarray(values[:, 0] > 0.5)


def _of_files(recording: Recording, images: str) -> Stimuli:
    from workbench.capturing.request import make_request
    from workbench.subjects.vision.pictures import open_pictures

    address = str(recording.subject.get("address", "memory"))
    pictures = open_pictures(make_request(subject=address, images=Path(images)))
    count = int(recording.rows["stimulus"].max()) + 1
    if len(pictures) < count:
        raise UsageError(
            f"Found {len(pictures)} pictures in '{images}'; expected at least {count}, as many as "
            "were recorded."
        )
    _check_same(recording, pictures, count, images)
    shown = [_resized(pictures.read(number)) for number in range(count)]
    shapes = {each.shape for each in shown}
    if len(shapes) > 1:
        shown = [_resized(each, force=True) for each in shown]
    return Stimuli("vision", images=np.stack(shown))


def _check_same(recording: Recording, pictures: Pictures, count: int, images: str) -> None:
    table = recording.stimuli
    if "sha256" not in table or len(table) < count:
        return
    found = pictures.scan(count).about["sha256"].to_numpy()
    other = int(np.count_nonzero(found != table["sha256"].to_numpy()[:count]))
    if other:
        raise UsageError(
            f"Found {other} of {count} pictures in '{images}' that are not those of the recording; "
            "expected the very files that were captured."
        )


def _resized(picture: NDArray[np.uint8], force: bool = False) -> NDArray[np.uint8]:
    """At most `LARGEST` pixels across; with force, a square of that size."""
    from PIL import Image

    height, width = picture.shape[:2]
    scale = LARGEST / max(height, width)
    if not force and scale >= 1:
        return picture
    size = (LARGEST, LARGEST) if force else (round(width * scale), round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))

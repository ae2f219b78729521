"""Features of the embedded perceptual encoder from its ONNX graph, without torch."""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from threading import Lock

from restyle.images.geometry import pad
from restyle.images.resize import resize
from restyle.models import catalog
from restyle.models.catalog import ModelFile
from restyle.models.session import Device, Session, as_batch
from restyle.types import FloatArray

MODEL = "encoder-1"
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
SHORT = 224  # px, short side at which pictures are compared; from the study in docs/lab/compare.md
SMALLEST = 32  # px, of the graph
MOST_PIXELS = 400_000  # 8 squares of the short side; longer scrolls are reduced


class FeatureEncoder:
    """The perceptual encoder; its graph loads on first use and is shared between threads.

    Parameters
    ----------
    file : ModelFile or None
        Graph of another encoder; None uses the embedded one.
    device : "cpu" or "cuda"
    threads : int or None
        Threads per call; None uses all cores available to the process.
    """

    def __init__(
        self, file: ModelFile | None = None, *, device: Device = "cpu", threads: int | None = None
    ) -> None:
        self.file = file or catalog.find(MODEL).file("features")
        self.device = device
        self.threads = threads
        self._lock = Lock()

    @cached_property
    def _session(self) -> Session:
        name = self.file.path.stem
        return Session(self.file.read(), name=name, device=self.device, threads=self.threads)

    def features(self, picture: FloatArray) -> dict[str, FloatArray]:
        """Compute all layers of a picture at its own size.

        Parameters
        ----------
        picture : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
            Sides below 32 px are padded by reflection.

        Returns
        -------
        dict of str to np.ndarray [shape=(C, H / 2^i, W / 2^i), float32]
            ``relu1_1`` .. ``relu5_1``.
        """
        padded, _ = pad(picture, 1, minimum=SMALLEST)
        with self._lock:
            session = self._session
        layers = session.run(picture=as_batch(padded))
        return {layer: layers[layer][0] for layer in LAYERS}


def comparable(picture: FloatArray, short: int = SHORT) -> FloatArray:
    """Resize a picture to the size at which styles are compared.

    Parameters
    ----------
    picture : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    short : int
        Short side in px; smaller if the result would exceed `MOST_PIXELS`.
    """
    height, width = picture.shape[:2]
    scale = min(short / min(height, width), math.sqrt(MOST_PIXELS / (height * width)))
    if scale * min(height, width) < SMALLEST:  # the encoder pads it to that
        scale = min(scale, MOST_PIXELS / SMALLEST / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return resize(picture, size, "area" if scale < 0.5 else "lanczos")


@lru_cache(maxsize=2)
def load(device: Device = "cpu", threads: int | None = None) -> FeatureEncoder:
    """Return the embedded encoder, cached by its arguments."""
    return FeatureEncoder(device=device, threads=threads)

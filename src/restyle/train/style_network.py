"""`StyleNetwork`: a network of one's own, to build, fit, predict with, save and load.

Fitting needs PyTorch. Predicting does not: a saved network holds itself as an ONNX graph, and what runs is
that graph, with all that `restyle.image` does.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restyle.errors import OptionError, StyleError, require
from restyle.models import network_files
from restyle.models.network_files import NetworkRecord
from restyle.models.presets import slug
from restyle.options.train import (
    ADDED_RATE,
    ENCODERS,
    NetworkOptions,
    Normalisation,
    StyleOptions,
    StyleTrainOptions,
)
from restyle.stylizer import Stylizer
from restyle.train.history import History
from restyle.types import PathLike

if TYPE_CHECKING:
    from restyle.nn.conditional import ConditionalTransformer
    from restyle.train.data import Augmentation
    from restyle.train.loop import Callback, OptimizerMaker

_EXTRA = ("torch", "safetensors", "onnx")


class StyleNetwork:
    """A network that paints in styles of its own, in one pass.

    Parameters
    ----------
    kernel_size : int
        Side of every convolution's kernel, odd.
    width : int
        Channels at half the size; twice as many at a quarter, half as many at full size.
    blocks : int
        Residual blocks.
    normalisation : "blocks", "all" or "none"
        Where features are normalised over the picture.
    seed : int
        Of the first weights.

    Examples
    --------
    >>> import restyle
    >>> network = restyle.StyleNetwork(kernel_size=3, width=32)
    >>> history = network.fit("photos/", "starry.jpg", epochs=2, batch_size=4)  # doctest: +SKIP
    >>> art = network.predict("photo.jpg")  # doctest: +SKIP
    >>> network.save("starry.restyle")  # doctest: +SKIP
    """

    def __init__(
        self,
        kernel_size: int = NetworkOptions.kernel_size,
        width: int = NetworkOptions.width,
        blocks: int = NetworkOptions.blocks,
        normalisation: Normalisation = NetworkOptions.normalisation,
        *,
        seed: int = StyleTrainOptions.seed,
    ) -> None:
        self.options = NetworkOptions(
            kernel_size=kernel_size, width=width, blocks=blocks, normalisation=normalisation
        )
        self.seed = seed
        self.name = "network"
        self.styles: tuple[str, ...] = ()
        self.training: dict[str, Any] = {}
        self._module: ConditionalTransformer | None = None
        self._record: NetworkRecord | None = None
        self._stylizer: tuple[NetworkRecord, Stylizer] | None = None

    def __repr__(self) -> str:
        shape = ", ".join(f"{name}={value!r}" for name, value in asdict(self.options).items())
        return f"StyleNetwork({shape}, styles={list(self.styles)})"

    @property
    def module(self) -> ConditionalTransformer:
        """The network in PyTorch, with its present weights; what is changed there is used."""
        require("StyleNetwork.module", "torch", *_EXTRA)
        from restyle.nn import conditional

        if self._module is None:
            count = max(1, len(self.styles))
            weights = None if self._record is None else self._record.weights
            self._module = conditional.build(asdict(self.options), count, weights, self.seed)
        self._record = None  # it may be changed from now on
        return self._module

    def fit(
        self,
        content: PathLike | Sequence[PathLike],
        style: PathLike | Sequence[PathLike],
        *,
        epochs: float = 2,
        batch_size: int = 4,
        optimizer: str | OptimizerMaker = StyleTrainOptions.optimizer,
        callbacks: Sequence[Callback] = (),
        add: bool = False,
        folder: PathLike | None = None,
        resume: bool = False,
        overwrite: bool = False,
        recipe: StyleOptions | None = None,
        encoder: PathLike = ENCODERS,
        content_augmentation: Augmentation | None = None,
        style_augmentation: Augmentation | None = None,
        tell: Callable[[str], None] = lambda line: None,
        **options: Any,
    ) -> History:
        """Train, from the start or on.

        Parameters
        ----------
        content : path or sequence of paths
            A folder of photos, or photos.
        style : path or sequence of paths
            A picture, a folder of pictures, or pictures; each becomes a style, named after its file.
        epochs : float
            How often each photo is seen; `steps` among the options says it in steps instead.
        batch_size : int
            Photos a step.
        optimizer : "adam", "adamw", "sgd", or function of the parameters
        callbacks : sequence of functions of a `train.loop.Step`
            Called whenever losses are logged; one that returns True ends the fit.
        add : bool
            Keep the styles that the network has, and train only scale and shift of the new ones, at a higher
            rate unless `rate` is given.
        folder : path or None
            Where checkpoints, logs and previews go; None keeps none.
        resume : bool
            Go on from the checkpoint in `folder`.
        overwrite : bool
            Begin anew where `folder` holds a run already.
        recipe : StyleOptions or None
        encoder : name or path
            The perceptual encoder that judges; several, divided by commas, take turns.
        content_augmentation, style_augmentation : Augmentation or None
            How pictures are varied; None takes the usual.
        tell : function of one line
            Called with what should be known before it begins, such as skipped pictures.
        **options
            Of `options.train_style.StyleTrainOptions`: `steps`, `minutes`, `rate`, `seed`, `threads`, ...

        Returns
        -------
        History

        Raises
        ------
        MissingExtraError, InputError, OptionError, NotFiniteError, OutputError
            Each with one line that says what is wrong and what to do.
        """
        require("StyleNetwork.fit", "torch", *_EXTRA)
        from restyle.train import own_network
        from restyle.train import own_pictures as pictures

        if batch_size < 1 or epochs <= 0:
            raise OptionError(f"batch-size {batch_size} and epochs {epochs:g} must be above 0")
        if isinstance(optimizer, str):
            options = {"optimizer": optimizer, **options}
        if add:
            options = {"rate": ADDED_RATE, **options}
        given = StyleTrainOptions(**options)
        history = History()

        def warn(line: str) -> None:
            history.warnings.append(line)
            tell(line)

        names, task, module = own_network.prepare(
            lambda: self.module,
            self.options,
            self.styles,
            pictures.read(content, style, recipe, content_augmentation, style_augmentation, history, warn),
            add=add,
            batch=batch_size,
            seed=given.seed,
            first_weights=self.seed,
            encoder=os.fspath(encoder),
        )
        if "steps" not in options:
            given = replace(given, steps=max(1, round(epochs * task.steps_an_epoch)))
        told = own_network.run(
            task,
            module,
            given,
            history,
            warn,
            folder=folder,
            resume=resume,
            overwrite=overwrite,
            callbacks=callbacks,
            optimizer=None if isinstance(optimizer, str) else optimizer,
        )
        self._module, self._record, self.styles, self.training = module, None, names, told
        return history

    def predict(self, photo: Any, style: Any = None, **options: Any) -> Any:
        """Paint a photo: `restyle.image` with this network as the model.

        Parameters
        ----------
        photo : str, Path, PIL.Image.Image, or np.ndarray [shape=(H, W, 3), RGB]
        style : str, list of str or None
            Names of its own styles, as `name` or `name:weight`; None where it has but one.
        **options
            As for `restyle.image`: `output`, `strength`, `size`, `keep_colors`, ...

        Returns
        -------
        The kind that was given; a path for a path.
        """
        if not self.styles:
            raise StyleError("this network has learnt no style yet: fit it, or load one")
        record = self.record()
        if self._stylizer is None or self._stylizer[0] is not record:
            with tempfile.TemporaryDirectory() as folder:
                path = network_files.write(record, Path(folder) / f"{self.name}{network_files.SUFFIX}")
                self._stylizer = record, Stylizer(path)
                _ = self._stylizer[1].method.transformer  # it is read now, and needs the file no more
        return self._stylizer[1](photo, style, **options)

    def record(self) -> NetworkRecord:
        """Everything that a file of this network holds, with its ONNX graph, which is made if need be."""
        if self._record is None:
            require("a network that was trained", "torch", *_EXTRA)
            from restyle.train.export.conditional import export_graph

            module = self.module
            graph, _ = export_graph(module, self.name)
            weights = {key: value.detach().cpu().numpy() for key, value in module.state_dict().items()}
            self._record = NetworkRecord(
                self.name, asdict(self.options), self.styles, weights, graph, self.training
            )
        return self._record

    def save(self, path: PathLike, *, overwrite: bool = False, inputs: Sequence[PathLike] = ()) -> Path:
        """Write the network as one file, for `restyle image --model`, and to `load` and fit further.

        Parameters
        ----------
        path : path
            Ends in `.restyle`; its name becomes the name of the network.
        overwrite : bool
            Whether an existing file may be replaced.
        """
        network_files.check_suffix(path)
        if not self.styles:
            raise StyleError("this network has learnt no style yet: fit it before it is saved")
        name = slug(Path(path).stem) or "network"
        if name != self.name:
            self.name = name
            _ = self.module  # its graph carries the name, and is made again
        return network_files.write(self.record(), path, overwrite=overwrite, inputs=inputs)

    @classmethod
    def load(cls, path: PathLike) -> StyleNetwork:
        """Read a network that was saved; needs no PyTorch.

        Raises
        ------
        ModelError
            It is missing, damaged, or something else.
        """
        record = network_files.read(path)
        known = {each.name for each in fields(NetworkOptions)}
        network = cls(**{key: value for key, value in record.shape.items() if key in known})
        network.name, network.styles, network.training = record.name, record.styles, record.training
        network._record = record
        return network

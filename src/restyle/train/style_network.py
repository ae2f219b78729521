"""`StyleNetwork`: build, fit, predict, save and load a network with its own styles.

Fitting needs PyTorch. Predicting does not: a saved network contains itself as an ONNX graph, and `predict`
runs that graph with all the features of `restyle.image`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from restyle.errors import OptionError, StyleError, require
from restyle.models import network_files
from restyle.models.arbitrary import Arbitrary
from restyle.models.network_files import NetworkRecord
from restyle.models.style_files import slug
from restyle.options.base import from_keywords, takes_former_names
from restyle.options.train import (
    ADDED_RATE,
    ENCODERS,
    NetworkOptions,
    Normalization,
    StyleOptions,
    StyleTrainOptions,
)
from restyle.stylizer import Stylizer
from restyle.train.log import History
from restyle.types import PathLike

if TYPE_CHECKING:
    from restyle.nn.conditional import ConditionalTransformer
    from restyle.train.augmentation import Augmentation
    from restyle.train.loop import Callback, OptimizerMaker

_EXTRA = ("torch", "safetensors", "onnx")


class StyleNetwork:
    """A network that paints photos in its own styles, in one pass.

    Parameters
    ----------
    kernel_size : int
        Side of every convolution kernel, odd.
    width : int
        Channels at half the size; twice as many at a quarter, half as many at full size.
    blocks : int
        Residual blocks.
    normalization : "blocks", "all" or "none"
        Where features are normalized over the picture.
    seed : int
        Seed of the initial weights.

    Examples
    --------
    >>> import restyle
    >>> network = restyle.StyleNetwork(kernel_size=3, width=32)
    >>> history = network.fit("photos/", "starry.jpg", epochs=2, batch_size=4)  # doctest: +SKIP
    >>> art = network.predict("photo.jpg")  # doctest: +SKIP
    >>> network.save("starry.restyle")  # doctest: +SKIP
    """

    @takes_former_names
    def __init__(
        self,
        kernel_size: int = NetworkOptions.kernel_size,
        width: int = NetworkOptions.width,
        blocks: int = NetworkOptions.blocks,
        normalization: Normalization = NetworkOptions.normalization,
        *,
        seed: int = StyleTrainOptions.seed,
    ) -> None:
        self.options = NetworkOptions(
            kernel_size=kernel_size, width=width, blocks=blocks, normalization=normalization
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
        """The PyTorch module with the current weights; changes to it take effect."""
        require("StyleNetwork.module", "torch", *_EXTRA)
        from restyle.nn import conditional

        if self._module is None:
            count = max(1, len(self.styles))
            weights = None if self._record is None else self._record.weights
            self._module = conditional.build(asdict(self.options), count, weights, self.seed)
        self._record = None  # the caller may change the weights
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
        """Train the network from the start, or further if its styles stay the same.

        Parameters
        ----------
        content, style : path or sequence of paths
            Photos and style pictures, or folders of them. Each style is named after its file.
        epochs, batch_size : float, int
            How often each photo is used, unless `steps` is among the options; photos per step.
        optimizer : "adam", "adamw", "sgd", or function of the parameters
        callbacks : sequence of functions of a `train.loop.Step`
            Called whenever losses are logged; training ends when one returns True.
        add : bool
            Keep the styles of the network, and train only scale and shift of the new ones, at a higher rate
            unless `rate` is given.
        folder : path or None
            For checkpoints, logs and previews; None discards them.
        resume, overwrite : bool
            Continue from the checkpoint in `folder`; replace the run in `folder`.
        recipe : StyleOptions or None
        encoder : name or path
            Perceptual encoder for the losses; several, separated by commas, alternate.
        content_augmentation, style_augmentation : Augmentation or None
        tell : function of one line
            Called with each warning, such as skipped pictures.
        **options
            Fields of `options.train.StyleTrainOptions`: `steps`, `minutes`, `rate`, `seed`, `threads`, ...

        Raises MissingExtraError, InputError, OptionError, NotFiniteError or OutputError.
        """
        require("StyleNetwork.fit", "torch", *_EXTRA)
        from restyle.train.style import prepare, read_pictures, run_fit

        if batch_size < 1 or epochs <= 0:
            raise OptionError(f"batch-size {batch_size} and epochs {epochs:g} must be above 0")
        own_optimizer = None if isinstance(optimizer, str) else optimizer
        if isinstance(optimizer, str):
            options = {"optimizer": optimizer, **options}
        (train_options,) = from_keywords(({"rate": ADDED_RATE} if add else {}) | options, StyleTrainOptions)
        history = History()

        def warn(line: str) -> None:
            history.warnings.append(line)
            tell(line)

        augmentations = (content_augmentation, style_augmentation)
        pictures = read_pictures(content, style, recipe, augmentations, history, warn)
        names, task = prepare(self, pictures, add, batch_size, train_options.seed, encoder)
        if "steps" not in options:
            train_options = replace(train_options, steps=max(1, round(epochs * task.steps_per_epoch)))
        place: dict[str, Any] = {"folder": folder, "resume": resume, "overwrite": overwrite}
        self.training = run_fit(task, train_options, history, warn, callbacks, own_optimizer, **place)
        self._module, self._record, self.styles = cast("ConditionalTransformer", task.model), None, names
        return history

    def predict(self, photo: Any, style: Any = None, **options: Any) -> Any:
        """Stylize a photo: `restyle.image` with this network as the model.

        Parameters
        ----------
        photo : str, Path, PIL.Image.Image, or np.ndarray [shape=(H, W, 3), RGB]
        style : str, list of str or None
            Names of its styles, as `name` or `name:weight`; None if it has only one.
        **options
            As for `restyle.image`: `output`, `strength`, `size`, `keep_colors`, ...

        Returns
        -------
        The type of `photo`; a path for a path.
        """
        record = self.record()
        if self._stylizer is None or self._stylizer[0] is not record:
            self._stylizer = record, Stylizer(Arbitrary(record))
        return self._stylizer[1](photo, style, **options)

    def record(self) -> NetworkRecord:
        """Return the content of the network's file; exports the ONNX graph if necessary.

        Raises StyleError if the network has no styles.
        """
        if not self.styles:
            raise StyleError("this network has no style yet: fit it, or load one")
        if self._record is None:
            require("a network that was trained", "torch", *_EXTRA)
            from restyle.train.export import export_graph

            module = self.module
            graph, _ = export_graph(module, self.name)
            weights = {key: value.detach().cpu().numpy() for key, value in module.state_dict().items()}
            self._record = NetworkRecord(
                self.name, asdict(self.options), self.styles, weights, graph, self.training
            )
        return self._record

    def save(self, path: PathLike, *, overwrite: bool = False, inputs: Sequence[PathLike] = ()) -> Path:
        """Write the network as one file, for `restyle image --model`, `load` and further training.

        Parameters
        ----------
        path : path
            Ends in `.restyle`; its stem becomes the name of the network.
        overwrite : bool
            Whether an existing file may be replaced.
        inputs : sequence of paths
            Files that are never replaced.
        """
        network_files.check_suffix(path)
        name = slug(Path(path).stem) or "network"
        if name != self.name and self.styles:
            self.name = name
            _ = self.module  # the graph contains the name and must be exported again
        return network_files.write(self.record(), path, overwrite=overwrite, inputs=inputs)

    @classmethod
    def load(cls, path: PathLike) -> StyleNetwork:
        """Read a saved network; needs no PyTorch.

        Raises
        ------
        ModelError
            The file is missing, damaged, or not a network.
        """
        record = network_files.read(path)
        known = {each.name for each in fields(NetworkOptions)}
        network = cls(**{key: value for key, value in record.shape.items() if key in known})
        network.name, network.styles, network.training = record.name, record.styles, record.training
        network._record = record
        return network

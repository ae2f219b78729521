"""Run an ONNX graph on the requested device, such as that of the embedded perceptual encoder."""

from __future__ import annotations

import ctypes
import logging
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np

from restyle.errors import InputError, ModelError, OptionError
from restyle.images.geometry import pad
from restyle.images.resize import resize
from restyle.models import catalog
from restyle.models.catalog import ModelFile
from restyle.types import FloatArray

Device = Literal["auto", "cpu", "cuda", "directml", "coreml", "webgpu"]
PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "webgpu": "WebGpuExecutionProvider",
    "cpu": "CPUExecutionProvider",
}  # in the order in which `auto` tries them
PACKAGES = {"cuda": "onnxruntime-gpu", "directml": "onnxruntime-directml", "webgpu": "onnxruntime-webgpu"}

EMBEDDED = "encoder-1"  # the encoder whose graph ships with restyle
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
SHORT = 224  # px, short side at which pictures are compared; from the study in docs/lab/compare.md
SMALLEST = 32  # px a side: relu5_1 is padded by reflection, which needs two positions
MOST_PIXELS = 400_000  # 8 squares of the short side; longer scrolls are reduced

_CGROUP = Path("/sys/fs/cgroup")
LARGE = 3 * 2**22  # floats of an input: four megapixels
_log = logging.getLogger("restyle")
_spinning = True
_chosen: set[str] = set()  # devices that `auto` has announced
_interrupted = False
_under_way: list[Any] = []  # options of the runs that are under way


def set_spinning(spinning: bool) -> None:
    """Set whether the threads of sessions that are opened from now on spin while they wait for work.

    Spinning is faster on an idle machine. It takes processor time from everything else, so servers turn it
    off.
    """
    global _spinning
    _spinning = spinning


class Interrupted(Exception):  # noqa: N818, no error: it was asked for
    """A run was stopped by `interrupt`."""


def interrupt(stop: bool) -> None:
    """Stop the runs of all sessions and refuse further ones, or allow them again; for another thread."""
    global _interrupted
    _interrupted = stop
    for options in list(_under_way) if stop else ():
        options.terminate = True


@contextmanager
def _interruptible(options: Any) -> Iterator[None]:
    """Let `interrupt` stop a run."""
    _under_way.append(options)
    try:
        if _interrupted:
            raise Interrupted
        yield
    finally:
        _under_way.remove(options)


class MemoryShortage(InputError):  # noqa: N818, public as an InputError
    """There is not enough memory for a run."""


class Session:
    """An ONNX graph, ready to run; thread-safe.

    content : the complete model
    name : in messages
    device : where the graph runs. There is no fallback to another device. `auto` takes the first of PROVIDERS
        that works, and logs it once
    threads : per call; None uses one per core available to the process
    release : free the memory of every run at once, for a session that runs rarely; else only that of large
        pictures
    spin : whether threads may spin, see `set_spinning`; not where several sessions take turns

    Raises ModelError if this ONNX Runtime cannot run the model; OptionError if the device is not available.
    """

    def __init__(
        self,
        content: bytes,
        *,
        name: str,
        device: Device = "cpu",
        threads: int | None = None,
        release: bool = False,
        spin: bool = True,
    ) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.log_severity_level = 4  # errors reach the user as exceptions
        options.intra_op_num_threads = threads or cores()
        if not (spin and _spinning):
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_mem_pattern = False  # planning memory by size doubles it and is not faster
        options.enable_cpu_mem_arena = not release
        self.name = name
        self.threads = options.intra_op_num_threads
        self._failures = _failures()
        self.device, self._session = self._open(content, options, device)
        self.inputs = {each.name: tuple(each.shape) for each in self._session.get_inputs()}
        self.outputs = {each.name: tuple(each.shape) for each in self._session.get_outputs()}
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        _log.info("%s runs on %s with %d threads", name, self.device, self.threads)

    def _open(self, content: bytes, options: Any, device: str) -> tuple[str, Any]:
        """Return the device and the session of ONNX Runtime."""
        if device == "auto":
            for each in _devices():
                try:
                    opened = self._open(content, options, each)
                except (OptionError, ModelError):
                    if each == "cpu":
                        raise
                    continue
                if each not in _chosen:
                    _chosen.add(each)
                    _log.warning("device auto: %s", each)
                return opened
        import onnxruntime as ort

        provider = PROVIDERS[device]
        if provider not in ort.get_available_providers():
            raise OptionError(_device_error(device, f"this onnxruntime has only {', '.join(_devices())}"))
        try:
            session = ort.InferenceSession(content, options, providers=[provider])
        except self._failures as error:
            raise ModelError(f"model '{self.name}' cannot be loaded: {_first_line(error)}") from error
        session.disable_fallback()  # ONNX Runtime would go on with the CPU after an error
        self._check_provider(session, device)
        return device, session

    @staticmethod
    def _check_provider(session: Any, device: str) -> None:
        if session.get_providers()[0] != PROVIDERS[device]:
            raise OptionError(_device_error(device, "its driver or libraries cannot be loaded"))

    def width(self, name: str) -> int:
        """Return the last dimension of an input or output, which must be constant."""
        shape = self.inputs.get(name) or self.outputs.get(name)
        if shape is None or not isinstance(shape[-1], int):
            raise ModelError(
                f"model '{self.name}' has no constant width of '{name}': {shape}; export it again"
            )
        return shape[-1]

    def setting(self, name: str) -> str:
        """Return a value of the model's metadata."""
        try:
            return self.metadata[name]
        except KeyError:
            raise ModelError(f"model '{self.name}' lacks the metadata '{name}'; export it again") from None

    def number(self, name: str, most: int, default: int | None = None) -> int:
        """Return a whole number, 1 to `most`, of the model's metadata."""
        text = self.setting(name) if default is None else self.metadata.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
            raise ModelError(
                f"model '{self.name}' is damaged: its {name} is '{text}', not a number from 1 to {most}"
            )
        return int(text)

    def run(
        self,
        only: Sequence[str] | None = None,
        into: dict[str, FloatArray] | None = None,
        /,
        **inputs: FloatArray,
    ) -> dict[str, FloatArray]:
        """Run the graph once.

        only : names of the outputs that are wanted; None for all
        into : contiguous arrays for all wanted outputs. An output that ONNX Runtime allocates keeps a large
            part of its memory in use
        **inputs : one per input of the graph, by name

        Returns outputs by name.

        Raises MemoryShortage if there is not enough memory; ModelError if the run failed; Interrupted if
        `interrupt` was called.
        """
        wanted = list(self.outputs if only is None else only)
        contiguous: dict[str, Any] = {
            name: np.ascontiguousarray(array, np.uint8 if array.dtype == np.uint8 else np.float32)
            for name, array in inputs.items()
        }
        try:
            options = self._run_options(contiguous)
            with _interruptible(options):
                if into is None:
                    values: list[Any] = self._session.run(wanted, contiguous, options)
                else:
                    values = [into[name] for name in wanted]
                    self._run_into(into, contiguous, options)
        except self._failures as error:
            if _interrupted:
                raise Interrupted from error
            sizes = ", ".join(f"{name} {' x '.join(map(str, a.shape))}" for name, a in contiguous.items())
            if "alloc" in str(error).lower() or "memory" in str(error).lower():
                raise MemoryShortage(
                    f"not enough memory to run '{self.name}' on {sizes}; use a smaller size"
                ) from error
            raise ModelError(f"model '{self.name}' failed on {sizes}: {_first_line(error)}") from error
        self._check_provider(self._session, self.device)
        return dict(zip(wanted, values, strict=True))

    def _run_into(self, outputs: dict[str, FloatArray], inputs: dict[str, FloatArray], options: Any) -> None:
        binding = self._session.io_binding()
        for name, array in inputs.items():
            binding.bind_cpu_input(name, array)
        for name, array in outputs.items():
            binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        self._session.run_with_iobinding(binding, options)

    def _run_options(self, inputs: dict[str, FloatArray]) -> Any:
        """Return the options of one run; those for a large picture free its memory afterwards."""
        import onnxruntime as ort

        options = ort.RunOptions()
        if self.device == "cpu" and max(array.size for array in inputs.values()) >= LARGE:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        return options


def as_batch(picture: FloatArray) -> FloatArray:
    """[H, W, 3] -> [1, 3, H, W]."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1))[None]


def cores() -> int:
    """Return the number of CPU cores available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_heap() -> None:
    """Return freed memory to the system, which glibc does by itself only at the end of its heap."""
    with suppress(OSError, AttributeError):  # another system
        ctypes.CDLL(None).malloc_trim(0)


def free_memory() -> int | None:
    """Bytes of memory that can be used, also within the limits of a container; None if unknown."""
    found = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
        limit = (_CGROUP / "memory.max").read_text().strip()
        if limit != "max":
            used = int((_CGROUP / "memory.current").read_text())
            found.append(int(limit) - used + _file_cache(_CGROUP / "memory.stat"))
    except (OSError, ValueError):
        pass
    return min(found, default=None)


def _file_cache(statistics: Path) -> int:
    """Bytes of a container that hold copies of files, and are free when they are needed."""
    lines = statistics.read_text().splitlines() if statistics.is_file() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))


def _devices() -> list[str]:
    import onnxruntime as ort

    there = ort.get_available_providers()
    return [device for device, provider in PROVIDERS.items() if provider in there]


def _device_error(device: str, why: str) -> str:
    cure = f" (pip install {PACKAGES[device]} brings {device})" if device in PACKAGES else ""
    return f"device '{device}' is not available: {why}{cure}; choose one of {', '.join(_devices())}"


def _failures() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented")
    return (*(getattr(state, name) for name in names), state.RuntimeException, RuntimeError)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]


class FeatureEncoder:
    """The perceptual encoder; its graph loads on first use and is shared between threads.

    file : graph of another encoder; None uses the embedded one
    device, threads : as for `Session`
    """

    def __init__(
        self, file: ModelFile | None = None, *, device: Device = "cpu", threads: int | None = None
    ) -> None:
        self.file = file or catalog.find(EMBEDDED).file("features")
        self.device: Device = device
        self.threads = threads
        self._lock = Lock()

    @cached_property
    def _session(self) -> Session:
        name = self.file.path.stem
        return Session(self.file.read(), name=name, device=self.device, threads=self.threads)

    def features(self, picture: FloatArray) -> dict[str, FloatArray]:
        """Compute relu1_1 .. relu5_1, each [C, H / 2^i, W / 2^i] float32, of a picture at its own size.

        picture : [H, W, 3] float32, RGB, 0..1; sides below 32 px are padded by reflection
        """
        padded, _ = pad(picture, 1, minimum=SMALLEST)
        with self._lock:
            session = self._session
        layers = session.run(picture=as_batch(padded))
        return {layer: layers[layer][0] for layer in LAYERS}


def comparable(picture: FloatArray, short: int = SHORT) -> FloatArray:
    """Resize a picture [H, W, 3] to the size at which styles are compared.

    short : side in px; smaller if the result would exceed `MOST_PIXELS`
    """
    height, width = picture.shape[:2]
    scale = min(short / min(height, width), math.sqrt(MOST_PIXELS / (height * width)))
    if scale * min(height, width) < SMALLEST:  # the encoder pads it to that
        scale = min(scale, MOST_PIXELS / SMALLEST / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return resize(picture, size, "area" if scale < 0.5 else "lanczos")


@lru_cache(maxsize=2)
def feature_encoder(device: Device = "cpu", threads: int | None = None) -> FeatureEncoder:
    """Return the embedded encoder, cached by its arguments."""
    return FeatureEncoder(device=device, threads=threads)

"""Rows on a Ray cluster, by Ray Data: pictures only, from and to any path that Arrow or fsspec opens.

`read_binary_files` reads the contents in blocks, and a pool of actors, each with the network loaded once,
paints them. A failing row is an outcome of its own. When a node dies, Ray runs its blocks again elsewhere.
This process alone keeps the journal and moves results into place, so each result is made exactly once.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import tempfile
import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from restyle.batch.journal import FOLDER, Finished, Journal, failure_lines, tiles_of, writing_to
from restyle.batch.lists import Entry
from restyle.batch.painter import Outcome, Painter, Settings, noted, row_key
from restyle.batch.rows import Failure, Row
from restyle.errors import InputError, OutputError, RestyleError, require
from restyle.images import formats
from restyle.options import DeviceName

BLOCK_ROWS = 8  # pictures that one task reads, and that are painted again if a node dies
ACTOR_SHARE = 0.8  # of its threads, so that reading finds CPUs
READ_CPUS = 0.1
OBJECT_STORE = 512 << 20  # bytes, of a local cluster
TRIES = 2  # to start a local one, which Ray gives half a minute

_Rows = dict[str, list[tuple[Row, Finished | None]]]  # by the path of their content


def locate(address: str) -> tuple[Any, str]:
    """Return the Arrow file system of a path and the path in it; InputError if nothing opens the address."""
    scheme, mark, rest = address.partition("://")
    if not mark or scheme == "file":
        return _file_system("file", ""), "/" + rest.lstrip("/") if mark else os.path.abspath(address)
    host, _, path = rest.partition("/")
    return _file_system(scheme, host), f"{host}/{path}"


@lru_cache(maxsize=32)
def _file_system(scheme: str, host: str) -> Any:
    from pyarrow import ArrowException
    from pyarrow.fs import FileSystem, FSSpecHandler, LocalFileSystem, PyFileSystem

    if scheme == "file":
        return LocalFileSystem()
    try:
        return FileSystem.from_uri(f"{scheme}://{host}")[0]
    except (ArrowException, OSError):
        import fsspec

        try:
            return PyFileSystem(FSSpecHandler(fsspec.filesystem(scheme)))
        except (ValueError, ImportError) as error:
            raise InputError(f"{scheme}://{host}: no file system opens it: {error}") from None


def list_addresses(addresses: Sequence[str]) -> Iterator[Entry]:
    """Yield the pictures of folders such as `s3://bucket/scans`, and single addresses."""
    require("--engine ray", "cluster", "ray", "pyarrow")
    from pyarrow.fs import FileSelector, FileType

    for address in addresses:
        system, root = locate(address)
        try:
            is_folder = system.get_file_info(root).type == FileType.Directory
            found = system.get_file_info(FileSelector(root, recursive=True)) if is_folder else []
        except OSError as error:
            raise InputError(f"{address}: {_reason(error)}") from error
        if not is_folder:
            yield Entry(address, address)
            continue
        start = address.partition("://")[0] + "://"
        paths = sorted(info.path for info in found if info.is_file and formats.is_image(info.path))
        if not paths:
            raise InputError(f"{address}: contains no pictures")
        for path in paths:
            inner = path.strip("/").removeprefix(root.strip("/")).lstrip("/")
            yield Entry(start + path, start + path, tree=inner)


def open_journal(output: str, shard: tuple[int, int]) -> Journal:
    """Open the journal of an output folder, which may be an address."""
    require("--engine ray", "cluster", "ray", "pyarrow")
    return ArrowJournal(output, shard) if "://" in output else Journal(Path(output), shard)


class ArrowJournal(Journal):
    """A journal on a file system that cannot append: a new object for each group of entries.

    There is no lock; a shard must not run twice at the same time.
    """

    def __init__(self, address: str, shard: tuple[int, int]) -> None:
        from pyarrow.fs import FileSelector

        self.address = address.rstrip("/")
        self._system, self._root = locate(self.address)
        label = "" if shard == (1, 1) else f"-{shard[0]}-of-{shard[1]}"
        self.failures_name = f"{self.address}/failures{label}.jsonl"
        self._failures_path = self.path(f"failures{label}.jsonl")
        self.work = Path(f"{FOLDER}/work{label}")  # below the address
        self._journal = f"{FOLDER}/journal{label}-{uuid.uuid4().hex[:12]}"
        self.finished, self.notes = {}, []
        self._entered: list[bytes] = []
        self._parts: list[str] = []
        self._failed = b""
        with writing_to(f"to {address}", _reason):
            self._system.create_dir(self.path(FOLDER), recursive=True)
            found = self._system.get_file_info(FileSelector(self.path(FOLDER)))
            for info in sorted(found, key=lambda each: each.path):
                if info.path.endswith(".jsonl"):
                    with self._system.open_input_stream(info.path) as stream:
                        entries = map(Finished.parse, stream.read().splitlines())
                        self.finished.update({each.output: each for each in entries if each is not None})
            if self._system.get_file_info(self._failures_path).is_file:
                self._system.delete_file(self._failures_path)

    def path(self, name: object) -> str:
        """Path in the file system of a name below the address."""
        return f"{self._root.rstrip('/')}/{name}"

    def enter(self, entries: Iterable[Finished]) -> None:
        """Write entries as an object of their own."""
        if lines := [entry.line() for entry in entries]:
            self._parts.append(f"{self._journal}-{len(self._parts):06d}.jsonl")
            self._entered += lines
            self._put(self.path(self._parts[-1]), b"".join(lines))

    def fail(self, failures: Iterable[Failure]) -> None:
        """Write the failures so far."""
        if lines := failure_lines(failures):
            self._failed += lines
            self._put(self._failures_path, self._failed)

    def publish(self, staged: str, output: str, overwrite: bool) -> None:
        """Move a result from the work folder into place."""
        target = self.path(output)
        with writing_to(f"{self.address}/{output}", _reason):
            if not overwrite and not _is_missing(self._system, target):
                raise OutputError(
                    f"cannot write {self.address}/{output}: another program has just created it"
                )
            self._system.create_dir(target.rpartition("/")[0], recursive=True)
            self._system.move(staged, target)

    def close(self) -> None:
        """Join the parts of this run's journal, and remove unfinished results."""
        with writing_to(f"to {self.address}", _reason):
            if len(self._parts) > 1:
                self._put(self.path(f"{self._journal}.jsonl"), b"".join(self._entered))
                for part in self._parts:
                    self._system.delete_file(self.path(part))
            if not _is_missing(self._system, self.path(self.work)):
                self._system.delete_dir(self.path(self.work))

    def _put(self, path: str, content: bytes) -> None:
        with writing_to(f"to {self.address}", _reason), self._system.open_output_stream(path) as stream:
            stream.write(content)


class RowPainter:
    """The actor: paints the rows of one content, and returns pickled outcomes.

    The `output` of the settings may be an address, and `work` is then below it.
    """

    def __init__(self, rows: _Rows, settings: Settings) -> None:
        self.rows, self.settings, self.painter = rows, settings, Painter(settings)

    def __call__(self, record: dict[str, Any]) -> list[dict[str, Any]]:
        """Take a record with `path`, and `bytes` unless the actor has to read them itself."""
        outcomes = []
        for row, earlier in self.rows.get(record["path"].lstrip("/"), ()):
            work = partial(self._paint, row, earlier, record.get("bytes"))
            outcomes.append(pickle.dumps(noted(row, work)))
        return [{"outcome": each} for each in outcomes]

    def _paint(self, row: Row, earlier: Finished | None, content: bytes | None) -> Outcome:
        if content is None:
            source, path = locate(row.content)
            try:
                with source.open_input_stream(path) as stream:
                    content = bytes(stream.read())
            except OSError as error:
                raise InputError(f"{row.content}: {_reason(error)}") from error
        if "://" not in self.settings.output:
            return self.painter.paint(row, earlier, content)
        if tiles_of(Path(row.output)) is not None:
            raise OutputError(
                f"cannot write {row.output}: Deep Zoom needs a folder of this machine for --output"
            )
        system, root = locate(self.settings.output)
        target = f"{root.rstrip('/')}/{row.output}"
        key = row_key(row, hashlib.sha256(content).hexdigest())
        missing = _is_missing(system, target)
        if earlier is not None and earlier.key == key and not missing:
            with system.open_input_stream(target) as stream:
                if hashlib.sha256(stream.read()).hexdigest() == earlier.sha256:
                    return Outcome(row, "skipped")
        if not missing and not self.settings.overwrite:
            raise OutputError(f"cannot write {row.output}: it exists; pass overwrite=True")
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="restyle-batch-") as folder:
            result = Path(folder, "result" + os.path.splitext(row.output)[1])
            self.painter.stylize(row, content, result)
            made = result.read_bytes()
        staged = f"{root.rstrip('/')}/{self.settings.work}/{uuid.uuid4().hex}"
        system.create_dir(staged.rpartition("/")[0], recursive=True)
        with system.open_output_stream(staged) as stream:
            stream.write(made)
        seconds = round(time.monotonic() - start, 3)
        entry = Finished(row.output, key, hashlib.sha256(made).hexdigest(), len(made), float(seconds))
        return Outcome(row, "done", entry=entry, staged=staged)


def run_ray(
    rows: Sequence[Row], journal: Journal, *, workers: int, device: DeviceName, threads: int, overwrite: bool
) -> Generator[list[Outcome], None, None]:
    """Yield the outcomes of all rows, a block at a time.

    There are at most so many actors as `workers`, of `threads` CPUs each or, with cuda, of a GPU; with 0 as
    many as the cluster has room for.
    """
    others = [row for row in rows if row.medium != "picture"]
    if others:
        reason = "--engine ray does pictures only; do this row without it"
        yield [Outcome(row, "failed", f"{row.content}: {reason}") for row in others]
    wanted: dict[int, tuple[Any, _Rows]] = {}
    for row in rows:
        if row.medium == "picture":
            system, path = locate(row.content)
            _, pairs = wanted.setdefault(id(system), (system, {}))
            pairs.setdefault(path.lstrip("/"), []).append((row, journal.finished.get(row.output)))
    if not wanted:
        return
    if isinstance(journal, ArrowJournal):
        output, work = journal.address, str(journal.work)
    else:
        output, work = str(journal.output.absolute()), str(journal.work.absolute())
    settings = Settings(output, work, overwrite, device, threads)
    with connected():
        for system, pairs in wanted.values():
            yield from _run_system(system, pairs, settings, workers)


def _run_system(
    system: Any, pairs: _Rows, settings: Settings, workers: int
) -> Generator[list[Outcome], None, None]:
    """The rows of one file system; contents that Ray could not read are read by the actors, one by one."""
    import ray

    threads, gpu = settings.threads or 1, settings.device == "cuda"
    available: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    most = int(available.get("GPU", 0)) if gpu else int(available.get("CPU", 1)) // threads
    size = max(1, workers or most)
    settled: set[int] = set()

    def outcomes(contents: Any) -> Generator[list[Outcome], None, None]:
        painted = contents.flat_map(
            RowPainter,
            fn_constructor_args=(pairs, settings),
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=size, initial_size=size),
            num_cpus=ACTOR_SHARE * threads,
            num_gpus=1 if gpu else None,
        )
        for batch in painted.iter_batches(batch_size=None, prefetch_batches=0, batch_format="numpy"):
            group = [pickle.loads(each) for each in batch.get("outcome", ())]
            group = [each for each in group if each.row.number not in settled]
            settled.update(each.row.number for each in group)
            if group:
                yield group

    paths = [locate(rows[0][0].content)[1] for rows in pairs.values()]
    yield from outcomes(
        ray.data.read_binary_files(
            paths,
            filesystem=system,
            include_paths=True,
            ignore_missing_paths=True,
            override_num_blocks=max(1, len(paths) // BLOCK_ROWS),
            num_cpus=READ_CPUS,
        )
    )
    left = [key for key, rows in pairs.items() if any(row.number not in settled for row, _ in rows)]
    if left:
        yield from outcomes(ray.data.from_items([{"path": key} for key in left]))
    lost = [row for rows in pairs.values() for row, _ in rows if row.number not in settled]
    if lost:
        yield [Outcome(row, "failed", f"{row.content}: the cluster lost it; run it again") for row in lost]


def _is_missing(system: Any, path: str) -> bool:
    from pyarrow.fs import FileType

    return bool(system.get_file_info(path).type == FileType.NotFound)


def _reason(error: OSError) -> str:
    missing = isinstance(error, FileNotFoundError)
    return "there is no such file" if missing else (error.strerror or str(error) or "failed").lower()


@contextmanager
def connected() -> Iterator[None]:
    """Connect to the cluster of RAY_ADDRESS, or start a small one and end it with the block.

    RestyleError: the cluster cannot be started or reached, or fails as a whole.
    """
    begun = _connect()
    import ray
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        raise RestyleError(f"the Ray cluster failed: {_line(error)}; the same command continues") from error
    finally:
        if begun:
            ray.shutdown()


def _connect() -> bool:
    """Connect, or start a cluster; True if this call did."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # no warning about a future change
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # which is itself logged
    import ray
    import ray.data

    if begun := not ray.is_initialized():
        _begin(ray)
    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # their rows are tried one by one
    return begun


def _begin(ray: Any) -> None:
    address = os.environ.get("RAY_ADDRESS")
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    what, tries = f"reach the Ray cluster '{address}'", 1
    if address is None:
        options |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE}
        what, tries = "start Ray on this machine", TRIES
    for left in reversed(range(tries)):
        try:
            with _silent():
                ray.init(**options)
            return
        except Exception as error:  # Ray raises bare exceptions here
            ray.shutdown()
            if not left:
                raise RestyleError(f"cannot {what}: {_line(error)}") from error


def _line(error: Exception) -> str:
    """First line of a message, or the kind of the error."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]


@contextmanager
def _silent() -> Iterator[None]:
    """Discard what native code writes to standard error; exceptions pass."""
    before, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nothing)

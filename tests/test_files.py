"""Files are written whole or not at all, and inputs are never touched."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from restyle import files
from restyle.errors import InputError, OutputError
from restyle.files import Closing, check_output, check_readable, csv_text, result_name, writing


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_writes(tmp_path: Path) -> None:
    target = tmp_path / "art.png"
    with writing(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".png"
        assert not target.exists()
        temporary.write_bytes(b"whole")
    assert target.read_bytes() == b"whole"
    assert os.listdir(tmp_path) == ["art.png"]


def test_permissions_of_a_new_file(tmp_path: Path) -> None:
    with umask(0o027), writing(tmp_path / "a.png") as temporary:
        temporary.write_bytes(b"x")
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o640


def test_replacing_keeps_the_permissions(tmp_path: Path) -> None:
    target = tmp_path / "private.png"
    target.write_bytes(b"old")
    target.chmod(0o600)
    with umask(0o022), writing(target, overwrite=True) as temporary:
        temporary.write_bytes(b"new")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_an_existing_file_stays(tmp_path: Path) -> None:
    target = tmp_path / "art.png"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match="it exists"), writing(target):
        pytest.fail("the block must not run")
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit, MemoryError])
def test_failure_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "art.png"
    target.write_bytes(b"old")

    def fail() -> None:
        with writing(target, overwrite=True) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["art.png"]


def test_an_interrupted_process_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from restyle.files import writing\n"
        "with writing(sys.argv[1]) as temporary:\n"
        "    temporary.write_bytes(b'half')\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "art.png")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(300) != 0
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("how", ["same", "relative", "dots", "symlink", "hardlink", "folder link"])
def test_an_input_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    source = folder / "photo.png"
    source.write_bytes(b"precious")
    target = tmp_path / "other.png"
    if how == "same":
        target = source
    elif how == "relative":
        monkeypatch.chdir(folder)
        target = Path("photo.png")
    elif how == "dots":
        target = folder / ".." / "in" / "photo.png"
    elif how == "symlink":
        target.symlink_to(source)
    elif how == "hardlink":
        target.hardlink_to(source)
    else:
        (tmp_path / "link").symlink_to(folder, target_is_directory=True)
        target = tmp_path / "link" / "photo.png"
    with (
        pytest.raises(OutputError, match="it is the input"),
        writing(target, overwrite=True, inputs=[tmp_path / "absent.png", source]) as temporary,
    ):
        temporary.write_bytes(b"destroyed")
    assert source.read_bytes() == b"precious"


def test_a_link_is_written_through(tmp_path: Path) -> None:
    real = tmp_path / "real.png"
    real.write_bytes(b"old")
    link = tmp_path / "link.png"
    link.symlink_to(real)
    with writing(link, overwrite=True) as temporary:
        temporary.write_bytes(b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_faster_process_wins(tmp_path: Path) -> None:
    target = tmp_path / "art.png"

    def lose() -> None:
        with writing(target) as temporary:
            temporary.write_bytes(b"mine")
            target.write_bytes(b"theirs")

    with pytest.raises(OutputError, match="another program has just created it"):
        lose()
    assert target.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["art.png"]


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with writing(tmp_path / "art.png") as temporary:
        temporary.write_bytes(b"whole")
    assert (tmp_path / "art.png").read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "it is a folder"),
        ("absent/art.png", "there is no folder 'absent'"),
        ("file.txt/art.png", "there is no folder|not a directory"),
        ("pipe", "not a regular file"),
        ("x" * 300 + ".png", "too long"),
    ],
)
def test_places_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("folder")
    os.mkfifo("pipe")
    Path("file.txt").touch()
    with pytest.raises(OutputError, match=message) as caught:
        check_output(name, overwrite=True)
    assert str(caught.value).startswith(f"cannot write {name}: ")
    assert "\n" not in str(caught.value)


def test_unwritable_folder(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    user = os.geteuid()
    if user == 0:  # root writes everywhere: become nobody, who may come as far as the folder
        for parent in (folder, *folder.parents):
            if parent.stat().st_mode & 0o005 != 0o005 and parent.is_relative_to(tempfile.gettempdir()):
                parent.chmod(parent.stat().st_mode | 0o055)
        os.seteuid(65534)
    try:
        with pytest.raises(OutputError, match="permission denied"), writing(folder / "art.png"):
            pytest.fail("the block must not run")
    finally:
        os.seteuid(user)


def test_a_file_size_limit(tmp_path: Path) -> None:
    """A real refusal of the kernel, on any machine: no file may grow beyond 10 kB here."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    target = tmp_path / "art.png"
    target.write_bytes(b"old")

    def exceed() -> None:
        with writing(target, overwrite=True) as temporary:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
            try:
                temporary.write_bytes(bytes(20_000))
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)

    with pytest.raises(OutputError, match="larger than this system allows"):
        exceed()
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["art.png"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    target = small_disk / "art.png"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match="the disk is full"), writing(target, overwrite=True) as temporary:
        temporary.write_bytes(bytes(200_000))
    assert target.read_bytes() == b"old"
    assert os.listdir(small_disk) == ["art.png"]


def test_a_disk_that_fills_up_while_flushing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="the disk is full"), writing(tmp_path / "art.png") as temporary:
        temporary.write_bytes(b"x")
    assert os.listdir(tmp_path) == []


def test_file_systems_that_cannot_flush_are_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(_: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", cannot)
    with writing(tmp_path / "art.png") as temporary:
        temporary.write_bytes(b"x")
    assert (tmp_path / "art.png").read_bytes() == b"x"


def test_errors_of_reading_an_input_are_not_called_output_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), writing(tmp_path / "art.png"):
        (tmp_path / "absent").read_bytes()


def test_file_and_folder_are_flushed_before_and_after_the_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    flush, move = files.flush, files.move

    def flushing(path: Path) -> None:
        seen.append("folder" if path.is_dir() else "file")
        flush(path)

    def moving(temporary: Path, target: Path, *, overwrite: bool) -> None:
        seen.append("move")
        move(temporary, target, overwrite=overwrite)

    monkeypatch.setattr(files, "flush", flushing)
    monkeypatch.setattr(files, "move", moving)
    with writing(tmp_path / "art.png") as temporary:
        temporary.write_bytes(b"x")
    assert seen == ["file", "move", "folder"]


def test_with_closes_a_reader() -> None:
    class Once(Closing):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    with Once() as reader:
        assert reader.closed == 0
    assert reader.closed == 1


def test_unreadable_files_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "locked").write_text("x")
    (tmp_path / "locked").chmod(0)
    cases = {"none": "there is no such file", "empty": "is empty", "": "is not a file"}
    if os.geteuid():  # root reads everything
        cases["locked"] = "permission denied"
    for name, said in cases.items():
        with pytest.raises(InputError, match=said):
            check_readable(tmp_path / name)
    (tmp_path / "some").write_text("x")
    check_readable(tmp_path / "some")


def test_long_names_of_many_bytes_work(tmp_path: Path) -> None:
    path = tmp_path / ("\u753b" * 80 + ".txt")
    with writing(path) as temporary:
        temporary.write_text("all")
    assert path.read_text() == "all"


@pytest.mark.parametrize(
    ("content", "style", "name"),
    [
        ("x/a.jpg", "wave", "a-wave.png"),
        ("x/.a\x1bb", "wave", "a_b-wave.png"),
        ("Meeting: notes.mp4", "wave", "Meeting: notes-wave.png"),
        ("a.jpg", "q/../../../escaped", "a-q_.._.._.._escaped.png"),
        ("a.jpg", "..\\x\x1b]0;owned\x07y\u202egpj", "a-.._x_]0;owned_y_gpj.png"),
    ],
)
def test_names_of_results_are_no_paths(content: str, style: str, name: str) -> None:
    assert result_name(content, style, ".png") == name


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a-b.jpg", "a-b.jpg"),
        ("=SUM(A1).jpg", "'=SUM(A1).jpg"),
        ("+1.jpg", "'+1.jpg"),
        ("-1.jpg", "'-1.jpg"),
        ("@x\n\x1b[31m.jpg", "'@x\\n\\x1b[31m.jpg"),
        ("\t=1+1", "\\t=1+1"),
    ],
)
def test_texts_in_csv_files_are_no_formulas(text: str, cell: str) -> None:
    assert csv_text(text) == cell


@pytest.mark.parametrize(("content", "style"), [(80, 1), (1, 300), (80, 80)])
def test_names_of_results_fit(content: int, style: int) -> None:
    name = result_name(f"{content * '漢'}.jpg", style * "漢", ".jpg")
    assert len(os.fsencode(name)) <= 240
    assert name.endswith(".jpg")


def test_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link.txt").symlink_to(tmp_path / "absent.txt")
    with pytest.raises(OutputError, match="is a link to a file that does not exist"):
        check_output(tmp_path / "link.txt", overwrite=True)


def test_temporary_files_of_killed_runs_are_deleted(tmp_path: Path) -> None:
    old, new, other = (
        tmp_path / ".restyle-1.part.png",
        tmp_path / ".restyle-2.part.png",
        tmp_path / ".a.part.png",
    )
    for path in (old, new, other):
        path.touch()
    os.utime(old, (0, 0))
    os.utime(other, (0, 0))
    with writing(tmp_path / "a.txt"):
        pass
    assert not old.exists()
    assert new.exists()
    assert other.exists()

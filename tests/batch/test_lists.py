"""Lists, folders and patterns become rows; what is wrong in a list is named with its line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from restyle.batch.lists import Entry, FreeNames, check_inside, check_name, read_jobs
from restyle.errors import InputError, OutputError

COLUMNS = ("style", "output", "strength", "keep_colors")


def entries(*jobs: str, output: str = "out") -> list[Entry]:
    return list(read_jobs(jobs, COLUMNS, output))


def write(name: str, text: str | bytes) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


@pytest.mark.usefixtures("in_folder")
class TestLists:
    def test_text_has_a_content_per_line(self) -> None:
        name = write("lists/jobs.txt", "# names\na.jpg\r\n\nsub/b c.jpg\ns3://bucket/d.jpg\n")
        found = entries(name)
        assert [each.content for each in found] == ["lists/a.jpg", "lists/sub/b c.jpg", "s3://bucket/d.jpg"]
        assert found[1].where == "lists/jobs.txt, line 4"

    def test_text_may_have_names_that_are_not_unicode(self) -> None:
        assert entries(write("jobs.txt", b"s\xe9.jpg\n"))[0].content == "s\udce9.jpg"

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_csv_has_columns(self, separator: str) -> None:
        lines = ["Content,keep-colors,strength", 'a.jpg,,"0.5"', ",,", "b.jpg,luminance,"]
        name = write("jobs.csv", "\ufeff" + "\n".join(lines).replace(",", separator))
        found = [(each.content, each.cells) for each in entries(name)]
        assert found == [("a.jpg", {"strength": "0.5"}), ("b.jpg", {"keep_colors": "luminance"})]

    def test_json_lines_and_lists_keep_types(self) -> None:
        rows = [{"content": "a.jpg", "style": ["x", "y:0.4"], "strength": 0.5}, {"content": "b.jpg"}]
        lines = entries(write("jobs.jsonl", "\n".join(map(json.dumps, rows))))
        assert [each.cells for each in lines] == [{"style": ["x", "y:0.4"], "strength": 0.5}, {}]
        assert [each.cells for each in entries(write("jobs.json", json.dumps(rows)))] == [
            each.cells for each in lines
        ]

    @pytest.mark.parametrize(
        ("name", "text", "told"),
        [
            ("a.csv", "content,stile\na.jpg,x\n", "a.csv: unknown column 'stile'; did you mean 'style'"),
            ("a.csv", "style\nx\n", "no column 'content'"),
            ("a.csv", "content,style,Style\na,b,c\n", "two columns 'style'"),
            ("a.csv", "content,style\na.jpg,x,y\n", "line 2: has 3 cells for 2"),
            ("a.csv", 'content,style\n"a.jpg,x\n', "is not CSV"),
            ("a.csv", "content\n\n", "contains no rows"),
            ("a.csv", b"\xff\xfec\x00", "not UTF-8"),
            ("a.txt", "\n#\n", "contains no rows"),
            ("a.jsonl", '{"content": "a.jpg"}\n{"content"\n', "line 2: is not JSON"),
            ("a.jsonl", "[1]\n", "line 1: is not an object"),
            ("a.jsonl", "[" * 100_000, "line 1: is not JSON"),
            ("a.json", '{"content": "a.jpg"}', "not a JSON list"),
            ("a.json", '[{"content": "a.jpg"}, {"strenght": 1}]', "row 2: unknown column 'strenght'"),
        ],
    )
    def test_what_is_wrong_is_said(self, name: str, text: str | bytes, told: str) -> None:
        with pytest.raises(InputError, match=r"^a\.") as caught:
            entries(write(name, text))
        assert told in str(caught.value)

    def test_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a.jpg\nb.jpg\n")))
        assert [each.content for each in entries("-")] == ["a.jpg", "b.jpg"]


@pytest.mark.usefixtures("in_folder")
class TestFolders:
    def test_pictures_and_videos_in_natural_order(self, caplog: pytest.LogCaptureFixture) -> None:
        for name in ("p/f10.jpg", "p/f2.jpg", "p/s/clip.mp4", "p/s/song.mp3", "p/notes.txt", "p/.h.jpg"):
            write(name, b"")
        found = entries("p")
        assert [each.tree for each in found] == ["f2.jpg", "f10.jpg", "s/clip.mp4"]
        assert "song.mp3" in caplog.text
        assert "notes" not in caplog.text

    def test_several_folders_keep_apart(self) -> None:
        write("p/a.jpg", b"")
        write("q/a.jpg", b"")
        assert [each.tree for each in entries("p", "q")] == ["p/a.jpg", "q/a.jpg"]

    def test_results_of_earlier_runs_are_no_content(self) -> None:
        write("p/a.jpg", b"")
        write("p/out/a.jpg", b"")
        assert [each.content for each in entries("p", output="p/out")] == ["p/a.jpg"]

    def test_patterns(self) -> None:
        for name in ("p/a.jpg", "p/s/b.jpg", "x[1].jpg"):
            write(name, b"")
        assert [each.content for each in entries("p/**/*.jpg")] == ["p/a.jpg", "p/s/b.jpg"]
        assert [each.content for each in entries("x[1].jpg")] == ["x[1].jpg"]
        with pytest.raises(InputError, match=r"'\*\.tif'"):
            entries("*.tif")

    def test_an_empty_folder(self) -> None:
        Path("empty").mkdir()
        with pytest.raises(InputError, match="empty: contains no pictures or videos"):
            entries("empty")


@pytest.mark.parametrize("name", ["a.png", "sub/a b.png", "Meeting: notes.png", "日本.png", "s\udce9.png"])
def test_good_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "", "/etc/a.png", "../a.png", "a/../../b.png", "a/..", "C:\\a.png", "C:a.png", "\\\\host\\a.png",
        "a\\..\\b.png", "./a.png", "a//b.png", "a/", ".restyle-batch/work/a.png", "a/.hidden.png",
        "a\x1b[31m.png", "a\n.png", "a\0.png", "..",
    ],
)  # fmt: skip
def test_names_that_leave_the_folder_or_hide(name: str) -> None:
    with pytest.raises(OutputError, match=r"^output "):
        check_name(name)


def test_a_link_does_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    check_inside(tmp_path / "out", tmp_path / "out" / "new" / "a.png")
    with pytest.raises(OutputError, match="a link in its path"):
        check_inside(tmp_path / "out", tmp_path / "out" / "sub" / "a.png")


@pytest.mark.parametrize("name", ["Screenshot 3.15\u202fPM.png", "👩\u200d🚀.png", "漢\u3000字.png"])
def test_spaces_and_emoji_are_names(name: str) -> None:
    assert check_name(name) == name


def test_taken_names_get_a_number() -> None:
    names = FreeNames()
    assert names.take(Path("out/A.png"))
    assert not names.take(Path("out/a.png"))
    found = [names.near(Path("out/a.png"), "x.gif").name for _ in range(3)]
    assert found == ["a-gif.png", "a-gif-2.png", "a-gif-3.png"]


def test_equal_names_cost_linear_time() -> None:
    class Counted(FreeNames):
        calls = 0

        def take(self, path: Path) -> bool:
            self.calls += 1
            return super().take(path)

    names = Counted()
    assert len({names.near(Path("a.png"), "a.png") for _ in range(1000)}) == 1000
    assert 1000 <= names.calls < 3000

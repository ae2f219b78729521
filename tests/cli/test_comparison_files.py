from pathlib import Path

import numpy as np
import pytest

from restyle.cli.comparison_files import FILES, Output
from restyle.compare.metrics import METRICS
from restyle.compare.subjects import Subject
from restyle.errors import OutputError
from restyle.models import arbitrary

SUBJECTS = [Subject(name, "sound") for name in ("rain", "bees", "fire")]
DISTANCES = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]], float)


def test_a_folder_gets_every_file(tmp_path: Path) -> None:
    output = Output(str(tmp_path / "made"), overwrite=False, inputs=[])
    output.check()
    written = output.write_matrix(SUBJECTS, DISTANCES, METRICS["mfcc"], arbitrary.load(threads=1))
    assert [Path(path).name for path in written] == list(FILES)
    assert all(Path(path).stat().st_size for path in written)
    with pytest.raises(OutputError, match="exists"):
        output.check()


def test_a_table_alone_is_one_file(tmp_path: Path) -> None:
    path = tmp_path / "all.CSV"
    output = Output(str(path), overwrite=False, inputs=[])
    assert output.is_table
    output.check()
    assert output.write_matrix(SUBJECTS, DISTANCES, METRICS["mfcc"], arbitrary.load(threads=1)) == [str(path)]
    assert path.read_text().splitlines()[1] == "rain,0.0,1.0,2.0"
    assert list(tmp_path.iterdir()) == [path]


def test_an_input_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("1")
    with pytest.raises(OutputError):
        Output(str(path), overwrite=True, inputs=[str(path)]).check()

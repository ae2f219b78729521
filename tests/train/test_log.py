import math
from pathlib import Path

from PIL import Image

from restyle.train.log import HELD_OUT, Log, draw_curves, read_log


def test_rows_come_back_and_can_be_rewound(tmp_path: Path) -> None:
    log = Log(tmp_path, tensorboard=False)
    for step in (10, 20, 30):
        log.write(step, {"total": 1 / step, "style": 2.0})
    log.write(40, {"total": 0.5})
    found = read_log(log.path)
    assert found["step"] == [10, 20, 30, 40]
    assert found["total"][0] == 0.1
    assert math.isnan(found["style"][3])
    log.rewind(20)
    assert read_log(log.path)["step"] == [10, 20]


def test_curves_show_the_existing_logs(tmp_path: Path) -> None:
    assert draw_curves(tmp_path) is None
    log = Log(tmp_path, tensorboard=False)
    for step in (10, 20, 30):
        log.write(step, {"total": 1 / step, "style": 2.0, "rate": 0.1, "seconds": 1.0})
    path = draw_curves(tmp_path)
    assert path is not None
    with Image.open(path) as alone:
        width = alone.width
    held_out = Log(tmp_path, tensorboard=False, name=HELD_OUT)
    held_out.write(10, {"train": 1.0, "held out": 1.5})
    draw_curves(tmp_path)
    with Image.open(path) as both:
        assert both.width == 2 * width

from pathlib import Path

from restyle.train.data import CONTENT, Augmentation, Pictures
from restyle.train.preview import COLUMNS, GAP, TILE, data_picture
from tests.train.made_pictures import photos, picture


def test_every_row_is_there_and_the_seed_decides(tmp_path: Path) -> None:
    content = Pictures(photos(tmp_path / "photos", 4), CONTENT)
    picture(90, 80, 5, (40, 90, 200)).save(tmp_path / "style.png")
    styles = Pictures([tmp_path / "style.png"], Augmentation())
    sheet = data_picture(content, styles, 64, 64, 1)
    assert sheet.width == COLUMNS * (TILE + GAP) + GAP
    assert sheet.height > 4 * TILE
    assert sheet.tobytes() == data_picture(content, styles, 64, 64, 1).tobytes()
    assert sheet.tobytes() != data_picture(content, styles, 64, 64, 2).tobytes()

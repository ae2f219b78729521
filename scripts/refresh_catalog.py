"""Update the hashes and sizes in catalog.toml after a shipped model file changed.

python scripts/refresh_catalog.py
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

from restyle.models import catalog


def refresh(path: Path = catalog.CATALOG) -> list[str]:
    """Write hash and size of every file that exists; return the paths whose entry changed."""
    changed, lines = [], []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        new = line
        found = re.search(r'path = "([^"]+)"', line)
        if found and (file := path.parent / found[1]).is_file():
            content = file.read_bytes()
            new = re.sub(r'sha256 = "[0-9a-f]*"', f'sha256 = "{hashlib.sha256(content).hexdigest()}"', new)
            new = re.sub(r"bytes = \d+", f"bytes = {len(content)}", new)
            if new != line:
                changed.append(found[1])
        lines.append(new)
    path.write_text("".join(lines), encoding="utf-8")
    return changed


if __name__ == "__main__":
    sys.stdout.write("".join(f"{path}\n" for path in refresh()))

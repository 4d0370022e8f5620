"""Draw the pictures of README.md and docs/.

    python docs/pictures/draw.py [--folder FOLDER] [NAME]...

Needs `pip install -e '.[dev]'`. A picture that is not one of a terminal is a function in a module
of its own, which takes the folder, and a line in PICTURES.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from docs.pictures.terminals import TERMINALS, draw


def _draw_page(folder: Path) -> None:
    from docs.pictures import page  # not at the top: only this picture needs a browser

    page.draw(folder)


PICTURES: Final[dict[str, Callable[[Path], None]]] = {
    picture.name: partial(draw, picture) for picture in TERMINALS
} | {"page": _draw_page}
"""What draws each picture into a folder, by its name."""


def main() -> None:
    """Draw the pictures that are named, or all, into the folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="draw only this picture")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    if unknown := set(given.names) - PICTURES.keys():
        parser.error(f"no such picture: {', '.join(sorted(unknown))}")
    for name in given.names or PICTURES:
        PICTURES[name](given.folder)


if __name__ == "__main__":
    main()

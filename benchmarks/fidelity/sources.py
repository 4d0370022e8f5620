"""The place of a statement in a package of the vendor, checked in the package itself."""

import json
from pathlib import Path
from typing import NamedTuple


class Cited(NamedTuple):
    """A line of a file of an npm package, and a part of its text."""

    package: str
    file: str
    line: int
    text: str

    def checked(self, folder: Path) -> str:
        """Return package, version, file and line. Raise ValueError if the text is not there."""
        home = folder / "node_modules" / self.package
        lines = (home / self.file).read_text("utf-8").splitlines()
        if self.text not in "".join(lines[self.line - 1 : self.line]):
            raise ValueError(f"{self.package} {self.file}:{self.line} does not have {self.text!r}")
        version = json.loads((home / "package.json").read_text("utf-8"))["version"]
        return f"{self.package} {version} {self.file}:{self.line}"

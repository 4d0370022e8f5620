"""The headings under which help shows options."""

from typing import Final

TARGET: Final = "Target"
INPUT: Final = "Input"
SELECTION: Final = "Selection"
RUNNING: Final = "Running"
INSTALLATIONS: Final = "Several installations"
REPORT: Final = "Report"
OUTPUT: Final = "Output"

TUNING: Final = "Tuning"
"""How fast and how patiently: it stands last, and only in pages with all options."""

ARGUMENTS: Final = "Arguments"
"""Of arguments without a heading."""
COMMANDS: Final = "Commands"
"""Of the commands of a group."""
OPTIONS: Final = "Options"
"""Of options without a heading, such as `--help`."""

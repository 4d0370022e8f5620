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
"""For options on speed and patience: shown last, and only in pages with all options."""

ARGUMENTS: Final = "Arguments"
"""For arguments without a heading."""
COMMANDS: Final = "Commands"
"""For the commands of a group."""
OPTIONS: Final = "Options"
"""For options without a heading, such as `--help`."""

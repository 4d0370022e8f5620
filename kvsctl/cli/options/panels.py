"""The headings under which help shows options."""

from typing import Final

TARGET: Final = "Target"
INPUT: Final = "Input"
SELECTION: Final = "Selection"
RUNNING: Final = "Running"
REPORT: Final = "Report"
OUTPUT: Final = "Output"

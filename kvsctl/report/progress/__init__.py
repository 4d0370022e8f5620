"""How far a run is, shown while it works.

- `standing`: what is known of a run at one moment.
- `following`: follow a run by its tally and its waits.
- `estimate`: how much is done, and how long the rest takes.
- `pauses`: why a run is idle, in a few words.
- `line`: a standing as one line, which fits the terminal and keeps steady.
- `painter`: draw rows at the end of what a terminal shows, and erase them.
- `board`: follow a job with many parts at work.
- `terminal`: show runs on a terminal.
- `heartbeat`: log how far a run is.
"""

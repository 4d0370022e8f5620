"""Commands that do not work on records.

`ping`, `probe`, `serve`, `installations`, `journal`, `report`, `bridge`,
`config`, `completion` and `help`.
"""

"""Commands beside the records.

`ping`, `probe`, `serve`, `installations`, `journal`, `report`, `bridge`,
`config`, `completion` and `help`.
"""

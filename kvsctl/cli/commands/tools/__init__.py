"""Commands beside the records.

`ping`, `probe`, `serve`, `installations`, `journal`, `report`, `bridge`,
`completion` and `help`.
"""

"""Commands beside the records.

`ping`, `probe`, `serve`, `installations`, `journal` and `bridge`.
"""

"""What is shown of backups and whole stores.

- `usage`: the sums of `kvsctl du`.
- `verification`: the result of `kvsctl verify`.
- `differences`: the differences and totals of `kvsctl diff`, for people.
- `rules`: what became of the records of each rule of a retention file.
- `plan`: what a plan would do.
"""

"""What the shell offers when the user presses TAB.

The scripts of `scripts` run kvsctl with `_KVSCTL_COMPLETE=SHELL` and print nothing themselves.

- `scripts`: what each shell sources.
- `shells`: the words that a shell hands over, and the answer in the form that it reads.
- `place`: which command, option or argument the cursor is at.
- `offers`: what can be completed there.
- `names`: names from the configuration file, a manifest and the local store.
"""

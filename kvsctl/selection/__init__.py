"""Which records of a store a command works on. Pure: it reads nothing and asks no service.

- `characters`: the characters that a key may have.
- `patterns`: globs and regular expressions over keys, and the prefix that each one implies.
- `prefixes`: the fewest prefixes that cover everything that may be chosen.
- `moments`: times as people write them.
- `ranges`: ranges of an index as people write them.
- `sizes`: sizes in bytes as people write them.
- `protected`: keys that are never chosen.
- `selection`: all selectors of a command together.
- `chooser`: the interface through which a listing chooses records.
- `contradictions`: selectors that no record can meet.
- `mapping`: how the keys of one store become those of another.
- `content`: what a record holds, and times that an app keeps.
"""

"""How much of a store each prefix takes: keys, bytes, and what reading them costs.

It reads nothing and asks no service. Sums do not depend on the order in which records are noted.

- `account`: note the records of a store, and sum them up.
- `groups`: the sums by prefix, in bounded memory.
- `prefixes`: the prefix of a key with a given number of levels.
- `sizes`: a histogram of sizes.
- `totals`: the sums of some records, and what follows from them.
"""

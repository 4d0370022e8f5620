"""Jobs that delete records or give them a ttl: what rules choose, or what a plan names.

A clean-up has two phases. First everything that is chosen is listed and kept on disk, by the rule
that chooses it; what selectors choose is the case of one rule. Nothing is changed until the listing
is whole, the guards allow it and the user has consented. Then, one rule after the other, each
record is read again where its value or its metadata chose it, and deleted if it is still chosen. As
queries lag, this is repeated until a listing has nothing new. A ttl is given in one pass, to
records whose value is still the listed one. A plan is checked as a whole, and then carried out on
records that have not changed since.

- `guards`: how much may be deleted at most. Pure.
- `actions`: what is done with what was listed.
- `plan`: what a clean-up lists, its rules, and what they may do.
- `consent`: whether it may begin: the limits, and what the user is asked.
- `undo`: where what is deleted is kept.
- `spool`: the records that were chosen, on disk as far as they do not fit in memory.
- `gathering`: list what rules choose into spools.
- `surroundings`: what a clean-up needs of the job around it.
- `plans`: carry out a plan.
- `rehearsal`: what a clean-up would need and cost.
- `ruled_rehearsal`: what the rules of a clean-up would do, with nothing changed.
- `stages`: runs that follow each other, as one.
- `survey`: list everything first, and find out which rule settles each record.
- `run`: a clean-up from its listing to its last pass.
"""

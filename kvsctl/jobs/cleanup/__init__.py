"""Jobs that delete records or give them a ttl: those that rules choose or a plan names.

A clean-up has two phases. First, all chosen records are listed and kept on disk, by the rule that
chooses them; selectors are the case of a single rule. Nothing is changed until the listing is
complete, the guards allow it and the user has consented. Then, rule by rule, each record that was
chosen by its value or its metadata is read again, and deleted if it is still chosen. Because
queries lag, this is repeated until a listing finds nothing new. A ttl is given in one pass, to
records whose value has not changed since they were listed. A plan is checked as a whole, and then
carried out on records that have not changed since.

- `guards`: the most that may be deleted. Pure.
- `actions`: what is done with listed records.
- `plan`: what a clean-up lists, its rules, and what they may do.
- `consent`: whether it may begin: the limits, and what the user is asked.
- `undo`: where records are kept before they are deleted.
- `spool`: the chosen records, on disk if they do not fit in memory.
- `gathering`: list what rules choose into spools.
- `surroundings`: what a clean-up needs of the job around it.
- `plans`: carry out a plan.
- `rehearsal`: what a clean-up would need and cost.
- `ruled_rehearsal`: show what the rules of a clean-up would do, without changes.
- `stages`: consecutive runs as one.
- `survey`: list everything first, and find out which rule settles each record.
- `run`: a clean-up from its listing to its last pass.
"""

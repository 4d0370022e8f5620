"""Whether a clean-up may begin: the limits of its rules, and what the user is asked.

It serves one store and several.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from kvsctl.config.targets import Target
from kvsctl.jobs.cleanup.plan import CleanUpRule
from kvsctl.jobs.question import Part, nothing_done
from kvsctl.jsontext import quoted

_PREFIXES: Final = 3
"""How many prefixes a hint names."""


class FoundByRule(msgspec.Struct, frozen=True, gc=False):
    """What a rule chooses: records whose values take `value_bytes`, of `listed` ones.

    `first_keys` are some of them, for people to recognise.
    """

    records: int
    value_bytes: int
    listed: int
    first_keys: Sequence[str] = ()


def choose_fewer(target: Target, covers: str, rules: Sequence[CleanUpRule]) -> str:
    """Return the hint for limits that would be exceeded: what was listed, and where.

    An email from cron may contain only the error.
    """
    prefixes = sorted({one for rule in rules for one in rule.rule.selection.prefixes if one})
    shown = ", ".join(map(quoted, prefixes[:_PREFIXES]))
    more = ", …" if len(prefixes) > _PREFIXES else ""
    which = f" that begin with {shown}{more}" if prefixes else ""
    where = f"{covers}{which} in {target.display}"
    return f"This is about {where}. Choose fewer, or allow more if this is meant."


def name_of(rules: Iterable[CleanUpRule]) -> str:
    """Return the users' name for what rules do with records."""
    names = {rule.action.name for rule in rules}
    return names.pop() if len(names) == 1 else "change"


def done_by(rules: Iterable[CleanUpRule]) -> str:
    """Return the past participle of what rules do with records."""
    done = {rule.action.done for rule in rules}
    return done.pop() if len(done) == 1 else "changed"


def refusal_of(rules: Iterable[CleanUpRule], done_before: int = 0) -> str:
    """Return what to say of a clean-up that may not begin: `nothing was deleted`.

    `done_before`: how many records earlier runs of the job have changed.
    """
    return nothing_done(done_by(rules), done_before)


def excesses(rules: Sequence[CleanUpRule], found: Sequence[FoundByRule]) -> str:
    """Return why the rules must not change what they choose; an empty text if they may."""
    texts: list[str] = []
    for rule, one in zip(rules, found, strict=True):
        done = rule.action.done
        excess = rule.most.excess(one.records, one.value_bytes, one.listed, done)
        if excess is not None:
            texts.append(excess if rule.name is None else f"rule {quoted(rule.name)}: {excess}")
    return "; ".join(texts)


def notes_of(
    covers: str,
    rules: Iterable[CleanUpRule],
    *,
    undecided: int,
    kept: int,
    more: Iterable[str] = (),
) -> list[str]:
    """Return sentences that help the user to decide.

    `covers`: what was listed. `rules`: those that choose something. `undecided` and `kept` count
    the records that stay for these reasons. `more` sentences come last.
    """
    notes = [f"Covers {covers}. Secrets are not listed."]
    if undecided:
        notes.append(f"Kept, because nothing can be decided about them: {undecided:,}.")
    if kept:
        notes.append(f"Kept, as the latest of their groups: {kept:,}.")
    notes += dict.fromkeys(note for rule in rules for note in rule.action.notes)
    return [*notes, *more]


def parts_of(rules: Sequence[CleanUpRule], found: Sequence[FoundByRule]) -> list[Part]:
    """Return what the rules of a file would do; nothing for the only rule of a command."""
    parts: list[Part] = []
    for rule, one in zip(rules, found, strict=True):
        if rule.name is not None and one.records:
            ttl = rule.action.ttl_text
            what = rule.action.name if ttl is None else f"give a ttl of {ttl} to"
            heading = f"{rule.name}: {what}"
            parts.append(Part(heading, one.records, one.value_bytes, one.first_keys))
    return parts

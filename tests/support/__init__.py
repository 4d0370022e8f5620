"""What several test packages share.

- `commands`: the command as a user runs it, in this process or as one, and servers for it.
- `simulated`: services as models, virtual time, whole runs in it, an executor without threads.
- `records`, `outcomes`, `journals`: records, problems, outcomes and journals in one line each.
- `books`: a listener that keeps what a run reported, and a run with all that it needs.
- `jsontexts`, `chunks`: JSON texts and pieces of content for Hypothesis.
- `terminal`: an environment with an stderr that can be read back.
- `examples`, `naming`: how many examples a property gets, and names of parametrised tests.
"""

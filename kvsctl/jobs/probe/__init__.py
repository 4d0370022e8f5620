"""Find out what a service does where its documentation is silent.

A *question* is data: what is asked, how to find it out, what each answer means, and what that
costs. A *finding* is the result, under the names of the emulator's switches. A *drain* sends writes
until the quota of the minute is used up.

- `questions`: what a question and a finding are.
- `catalogue`: all questions, in the order in which they are asked.
- `reading`, `writing`, `payload`, `quota`: the questions by subject, and how each is found out.
- `drain`: use up the quota of a minute, and wait for the next one.
- `scratch`: send requests, note what was written, and remove it.
- `asking`: ask one question after the other, stop on signals, and clean up.
- `running`: the job, from its consent to its exit status.
- `profile`: the findings as a file for clients and emulators.
"""

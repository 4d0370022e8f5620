#!/bin/sh
# Write the records of a file in N processes with GNU parallel, each on a shard of the keys, and print the
# sum of their reports:
#
#     ./gnu-parallel.sh users.jsonl 4
#
# Journals and reports go to the current folder. Called again, it resumes. For processes on several
# machines that share the folder, set PARALLEL, for example to "--sshlogin one,two --workdir .".
# The processes divide the quota automatically. The exit code is 0, or 1 if a shard failed: the sum shows
# the gravest exit code of all shards.
set -eu
file=$1
shards=$2
failed=0
seq "$shards" | parallel --quote --jobs "$shards" \
  kvsctl set -q -f "$file" --shard "{}/$shards" \
  --journal "users-{}.journal" --report "part-{}.json" || failed=1
seq -f "part-%g.json" "$shards" | xargs kvsctl report merge || test "$failed" -gt 0
exit "$failed"

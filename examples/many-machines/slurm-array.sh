#!/bin/sh
#SBATCH --job-name=kvsctl
#SBATCH --array=1-8
#SBATCH --cpus-per-task=1
#SBATCH --mem=512M
#SBATCH --time=01:00:00
#SBATCH --signal=B:TERM@120
# Write the records of a file in eight tasks of an array, each on a shard of the keys:
#
#     sbatch --export=ALL,FOLDER=/shared/users slurm-array.sh
#
# FOLDER is on storage that all nodes share. It has users.jsonl, and gets a journal and a report for each
# task. To resume tasks that left work (75) or were stopped (143), submit the same array again. To add up
# the reports:
#
#     kvsctl report merge /shared/users/part-*.json
#
# --time=01:00:00 is more than --max-duration. "B:" sends the signal to this script, and thus to kvsctl.
# The tasks divide the quota automatically.
set -eu
cd "$FOLDER"
exec kvsctl set -f users.jsonl --shard auto --max-duration 55m \
  --journal "users-$SLURM_ARRAY_TASK_ID.journal" \
  --report "part-$SLURM_ARRAY_TASK_ID.json" \
  --log-format json

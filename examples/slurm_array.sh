#!/bin/bash
# Lift the videos below a folder on a Slurm cluster, each task of the array its share of them.
#
#   sbatch --array=1-16 examples/slurm_array.sh VIDEOS RESULTS
#
# Shares are the same on every machine, as they depend on the names alone. A task that was killed,
# or ran out of time, is repeated by the same command: what is lifted stays. At the end
# `tcpformer lift VIDEOS --out RESULTS` lifts what is left, and leaves one report of all.
#SBATCH --job-name=tcpformer
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@60
set -u
videos=$1 results=$2
part=$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT
jobs=$((${SLURM_CPUS_PER_TASK:-4} / 2))
exec tcpformer lift "$videos" --out "$results" --part "$part" --jobs "$((jobs > 0 ? jobs : 1))" --quiet

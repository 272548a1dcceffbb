#!/bin/bash
#SBATCH --job-name=screen --array=1-32 --cpus-per-task=8 --time=12:00:00 --requeue
# sbatch deploy/slurm_array.sh protein.pdb library.smi [options of screen]
# Every task docks its shard into a store of its own; submit it again until nothing is pending, then
#   disco-dock screen merge all.sqlite shards/*.sqlite
set -euo pipefail
protein=$1 library=$2
shift 2
mkdir -p shards
exec disco-dock screen --protein "$protein" --ligands "$library" --workers "${SLURM_CPUS_PER_TASK:-1}" \
    --store "shards/${SLURM_ARRAY_TASK_ID:?run this with sbatch}.sqlite" --stop-after 42000 --progress json "$@"

#!/bin/bash
# Screens on a Ray cluster of two nodes on one machine; on real machines run `ray start` on each instead.
#   deploy/ray_cluster.sh protein.pdb library.smi run.sqlite [options of screen]
set -euo pipefail
protein=$1 library=$2 store=$3
shift 3
port=${RAY_PORT:-6390}
export RAY_worker_niceness=0 # Ray lowers the priority of its workers
export RAY_AUTH_MODE=token # nodes and clients share the secret in ~/.ray/auth_token
ray get-auth-token --generate >/dev/null
trap 'kill $(jobs -p)' EXIT # the two nodes, and no other Ray of this machine
ray start --head --block --port "$port" --num-cpus 1 --disable-usage-stats >ray_head.log 2>&1 &
until ray status --address "127.0.0.1:$port" >/dev/null; do sleep 1; done # it fails until the head is there
ray start --block --address "127.0.0.1:$port" --num-cpus 1 --disable-usage-stats >ray_node.log 2>&1 &
disco-dock screen --protein "$protein" --ligands "$library" --store "$store" --engine ray --workers 2 \
    --ray-address "127.0.0.1:$port" "$@"

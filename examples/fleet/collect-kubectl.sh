#!/bin/sh
# Takes a snapshot of every node of a cluster, or with --pods of every pod's network namespace, through the pods of
# daemonset.yaml or pods.yaml, and puts them into a directory.
#
#   collect-kubectl.sh [--pods] DIRECTORY
#
# What fails is named, the rest goes on, and the exit code is then 1. Then: tcpctl fleet DIRECTORY
# KUBECTL (kubectl) is what talks to the cluster: "kubectl -n monitoring --context prod".
set -eu

pods=no
if [ "${1:-}" = --pods ]; then
    pods=yes
    shift
fi
if [ $# -ne 1 ]; then
    echo "usage: collect-kubectl.sh [--pods] DIRECTORY" >&2
    exit 2
fi
directory=$1
KUBECTL=${KUBECTL:-kubectl}
here=$(dirname "$0")
mkdir -p "$directory"
failed=0

# A file that is there is whole, since it gets its name when all of it has come.
keep() { # NAME COMMAND...
    file=$directory/$1.json
    shift
    if "$@" >"$file.part" </dev/null && [ -s "$file.part" ]; then
        mv "$file.part" "$file"
    else
        rm -f "$file.part"
        echo "${file##*/}: no snapshot" >&2
        failed=1
    fi
}

# shellcheck disable=SC2086  # KUBECTL is a command with its options
inside() { # POD COMMAND...
    pod=$1
    shift
    $KUBECTL exec -i "$pod" -- "$@"
}

list=$(mktemp)
names=$(mktemp)
spaces=$(mktemp)
trap 'rm -f "$list" "$names" "$spaces"' EXIT
label=tcpctl
if [ "$pods" = yes ]; then
    label=tcpctl-pods
    # shellcheck disable=SC2086
    $KUBECTL get pods --all-namespaces -o \
        jsonpath='{range .items[*]}{.metadata.uid} {.metadata.namespace}.{.metadata.name}{"\n"}{end}' >"$names"
fi
# shellcheck disable=SC2086
$KUBECTL get pods -l "app.kubernetes.io/name=$label" -o \
    jsonpath='{range .items[*]}{.metadata.name} {.spec.nodeName}{"\n"}{end}' >"$list"

while read -r pod node; do
    if [ "$pods" = no ]; then
        keep "$node" inside "$pod" tcpctl snapshot --no-bpf --window 5s
        continue
    fi
    inside "$pod" sh -s <"$here/map-netns.sh" >"$spaces" || { echo "$node: no namespaces" >&2; failed=1; continue; }
    while read -r inode pid uid; do
        name=$(awk -v uid="$uid" '$1 == uid { print $2 }' "$names")
        keep "${name:-$node.$inode}" inside "$pod" tcpctl snapshot --no-bpf --window 0 --netns "/proc/$pid/ns/net"
    done <"$spaces"
done <"$list"
exit "$failed"

#!/bin/sh
# Which pod is in which network namespace: one line a namespace with its inode, a process in it, and the pod's UID, which
# the path of the process's cgroup names. Namespaces without a pod, the node's own among them, are left out.
#
#   map-netns.sh [PROC]
#
# The UID is that of `kubectl get pods -o jsonpath='{.metadata.uid}'`. Runs with nothing but sh and readlink.
set -eu

proc=${1:-/proc}
seen=' '
for directory in "$proc"/[0-9]*; do
    pid=${directory##*/}
    # A process that has ended meanwhile, or that may not be looked at, is passed over.
    netns=$(readlink "$directory/ns/net" 2>/dev/null) || continue
    inode=${netns#*\[}
    inode=${inode%\]}
    case $seen in *" $inode "*) continue ;; esac
    uid=''
    while IFS= read -r line; do
        # cgroupfs has .../pod<uid>/<container>, systemd .../kubepods-...-pod<uid with _>.slice/...
        case $line in *pod[0-9a-f]*) ;; *) continue ;; esac
        rest=$line
        while [ "$rest" != "${rest#*pod}" ]; do
            rest=${rest#*pod}
            name=${rest%%[!0-9a-f_-]*}
            if [ ${#name} -eq 36 ]; then
                uid=$(printf '%s' "$name" | tr _ -)
            fi
        done
        if [ -n "$uid" ]; then break; fi
    done <"$directory/cgroup" 2>/dev/null || continue
    if [ -n "$uid" ]; then
        seen="$seen$inode "
        printf '%s %s %s\n' "$inode" "$pid" "$uid"
    fi
done

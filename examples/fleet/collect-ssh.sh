#!/bin/sh
# Takes a snapshot of every host of a list by ssh, several at a time, and puts them into a directory.
#
#   collect-ssh.sh HOSTS DIRECTORY
#
# HOSTS has a name one a line, as ssh takes it; empty lines and lines that begin with # are passed over. tcpctl has to be
# on the hosts. Nothing is written there, and nothing but reading is done. A host that fails is named, the others go on,
# and the exit code is then 1. Then:
#
#   tcpctl fleet DIRECTORY --hosts HOSTS
#
# JOBS (8) is how many at a time, WINDOW (5s) how long rates are watched, SSH (ssh) what connects, TCPCTL (tcpctl) what is
# called there: "sudo -n tcpctl" also names the processes of other users.
set -eu

if [ $# -ne 2 ]; then
    echo "usage: collect-ssh.sh HOSTS DIRECTORY" >&2
    exit 2
fi
hosts=$1
directory=$2
mkdir -p "$directory"

export directory
export WINDOW="${WINDOW:-5s}" SSH="${SSH:-ssh}" TCPCTL="${TCPCTL:-tcpctl}"

# One host: a file that is there is whole, since it gets its name when all of it has come.
# shellcheck disable=SC2016  # expanded by the shell that xargs starts
one='
    host=$1
    file=$directory/$host.json.gz
    if $SSH -n -o BatchMode=yes -o ConnectTimeout=10 -- "$host" "$TCPCTL snapshot --window $WINDOW" >"$file.part" &&
        [ -s "$file.part" ] && gzip -c "$file.part" >"$file.packed"; then
        mv "$file.packed" "$file"
        rm -f "$file.part"
    else
        rm -f "$file.part" "$file.packed"
        echo "$host: no snapshot" >&2
        exit 1
    fi
'
grep -Ev '^[[:space:]]*(#|$)' "$hosts" | xargs -P "${JOBS:-8}" -I '{}' sh -c "$one" sh '{}' || exit 1

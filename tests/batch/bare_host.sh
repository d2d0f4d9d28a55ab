#!/bin/bash
# A host for tests that shares nothing with this machine but the system's own programs: its own network, mount, process and host name
# namespaces, empty file systems over /tmp, /run and the folders named, and an sshd. Needs root.
# usage: bare_host.sh start STATE NAME SUBNET FOLDER…      (SUBNET like 10.78.5: this machine becomes .1 there, the host .2)
#        bare_host.sh stop STATE NAME
# Then: ssh -F STATE/ssh_config NAME COMMAND
set -eu
what=$1 state=$2 name=$3

start() {
  local subnet=$1
  shift
  mkdir -p "$state"
  ssh-keygen -q -t ed25519 -N '' -f "$state/hostkey"
  ssh-keygen -q -t ed25519 -N '' -f "$state/id"
  cat > "$state/sshd_config" << END
ListenAddress $subnet.2:22
HostKey /mnt/hostkey
AuthorizedKeysFile /mnt/id.pub
PidFile none
StrictModes no
PermitRootLogin yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM no
Subsystem sftp internal-sftp
END
  cat > "$state/ssh_config" << END
Host *
  User $(id -un)
  IdentityFile $state/id
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile $state/known_hosts
  LogLevel ERROR
Host $name
  HostName $subnet.2
END
  ip netns add "$name"
  ip link add "h-$name" type veth peer name eth0 netns "$name"
  ip addr add "$subnet.1/24" dev "h-$name"
  ip link set "h-$name" up
  ip -n "$name" addr add "$subnet.2/24" dev eth0
  ip -n "$name" link set eth0 up
  ip -n "$name" link set lo up
  # The state is taken along before anything is hidden; killing unshare ends every process of the host.
  setsid ip netns exec "$name" unshare --uts --pid --mount --fork --kill-child --mount-proc \
    sh -euc 'hostname "$1"; mount -t tmpfs none /mnt; cp "$2"/hostkey "$2"/id.pub "$2"/sshd_config /mnt; sshd=$(command -v sshd); shift 2
      for folder in /tmp /run "$@"; do mount -t tmpfs none "$folder"; done
      mkdir -p /run/sshd; cd /; exec env -i PATH=/usr/bin:/bin "$sshd" -D -e -f /mnt/sshd_config' \
    sh "$name" "$state" "$@" > "$state/log" 2>&1 < /dev/null &
  echo $! > "$state/pid"
  for _ in $(seq 100); do
    ssh -F "$state/ssh_config" -o BatchMode=yes -o ConnectTimeout=2 "$name" true 2> /dev/null && return
    sleep 0.05
  done
  cat "$state/log" >&2
  exit 1
}

stop() {
  [ -s "$state/pid" ] && kill -9 "$(cat "$state/pid")" 2> /dev/null || true
  ip link del "h-$name" 2> /dev/null || true
  ip netns del "$name" 2> /dev/null || true
}

shift 3
"$what" "$@"

#!/usr/bin/env bash
# A Slurm for the tests, on the loopback: munged, slurmctld and slurmd, everything below one folder.
#
#   tests/slurm/cluster.sh up FOLDER [NODES]   needs root and Debian's munge, slurmctld, slurmd, slurm-client; prints what to export
#   tests/slurm/cluster.sh start FOLDER NODE   starts a node again that was lost
#   tests/slurm/cluster.sh lose FOLDER NODE    all processes of a node end at once, as when its power goes; Slurm is not told
#   tests/slurm/cluster.sh in FOLDER NODE ...  a command with the node's view of files and processes
#   tests/slurm/cluster.sh down FOLDER         stops what `up` and `start` started there
#
# One node is this machine itself. Several are n1, n2, ...: each has its own name, processes, mounts, boot and machine id
# (namespaces of the kernel), so that programs take them for machines that share their disks.
# SLURM_TEST_PORT is the first of its ports, SLURM_TEST_CPUS the processors that a node says it has.
set -euo pipefail
command=$1
home=$(mkdir -p "$2" && cd "$2" && pwd)
host=$(hostname -s)
port=${SLURM_TEST_PORT:-17817}
export SLURM_CONF=$home/slurm.conf

stop() {
  for file in "$home"/nodes/*.pid "$home"/{slurmd,slurmctld,munged}.pid; do
    [ -s "$file" ] || continue
    # The first process of a node takes all others with it.
    case $file in */nodes/*) signal=KILL ;; *) signal=TERM ;; esac
    kill -$signal "$(cat "$file")" 2>/dev/null || true
  done
}

# The first process of a node with namespaces.
first_of() { cat "$home/nodes/$1.pid"; }

start_node() {
  local name=$1 folder=$home/nodes/$1
  mkdir -p "$folder"
  # A machine that starts again has the same machine id and another boot id.
  [ -e "$folder/machine-id" ] || tr -d - </proc/sys/kernel/random/uuid >"$folder/machine-id"
  cat /proc/sys/kernel/random/uuid >"$folder/boot-id"
  { cat /etc/hosts; echo "127.0.0.1 $name"; } >"$folder/hosts"
  rm -f "$folder.pid"
  setsid unshare --uts --pid --mount --fork --kill-child bash -c '
    name=$1 folder=$2
    mount -t proc proc /proc
    hostname "$name"
    mount --bind "$folder/boot-id" /proc/sys/kernel/random/boot_id
    [ ! -e /etc/machine-id ] || mount --bind "$folder/machine-id" /etc/machine-id
    mount --bind "$folder/hosts" /etc/hosts
    slurmd -D -N "$name" &
    # It stays as the parent of whatever loses its own.
    while wait; [ $? -gt 128 ]; do :; done
  ' node "$name" "$folder" </dev/null >"$home/log/$name.out" 2>&1 &
  local outer=$!
  for _ in $(seq 50); do
    pgrep -P "$outer" >"$folder.pid" && return
    sleep 0.1
  done
  echo "the node $name does not start" >&2
  return 1
}

wait_for() {
  for _ in $(seq 100); do
    [ "$(sinfo -h -N -o %T 2>/dev/null | grep -c -E '^(idle|mixed|allocated)$')" = "$1" ] && return
    sleep 0.2
  done
  echo "the nodes do not come up; see $home/log" >&2
  return 1
}

case $command in
  down) stop; exit ;;
  lose) kill -KILL "$(first_of "$3")"; exit ;;
  start) start_node "$3"; exit ;;
  in) first=$(first_of "$3"); shift 3; exec nsenter -t "$first" -a "$@" ;;
  up) ;;
  *) echo "usage: $0 up|start|lose|in|down FOLDER ..." >&2; exit 2 ;;
esac
nodes=${3:-1}
[ "$(id -u)" = 0 ] || { echo "not root" >&2; exit 1; }
for needed in munged slurmctld slurmd sbatch; do
  command -v "$needed" >/dev/null || { echo "no $needed" >&2; exit 1; }
done
getent hosts "$host" >/dev/null || { echo "the name $host of this machine does not resolve" >&2; exit 1; }
[ "$nodes" = 1 ] || unshare --uts --pid --mount --fork mount -t proc proc /proc ||
  { echo "this kernel gives no namespaces" >&2; exit 1; }

! (: </dev/tcp/127.0.0.1/$port) 2>/dev/null || { echo "something listens on port $port; see SLURM_TEST_PORT" >&2; exit 1; }

chmod 755 "$home"
mkdir -p "$home"/{state,spool,log,nodes}
(umask 077; mkdir -p "$home/key"; head -c 128 /dev/urandom >"$home/key/munge.key")
munged --force --key-file "$home/key/munge.key" --socket "$home/munge.socket" --pid-file "$home/munged.pid" \
  --log-file "$home/log/munged.log" --seed-file "$home/munge.seed"

describe() {
  echo "NodeName=$1 NodeAddr=127.0.0.1 NodeHostname=$1 Port=$2 CPUs=${SLURM_TEST_CPUS:-$(nproc)} State=UNKNOWN"
}
if [ "$nodes" = 1 ]; then
  names=$host
  described=$(describe "$host" $((port + 1)))
else
  names=n[1-$nodes]
  described=$(for i in $(seq "$nodes"); do describe "n$i" $((port + i)); done)
fi

cat >"$home/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=$port
SlurmdPort=$((port + 1))
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket=$home/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$home/state
SlurmdSpoolDir=$home/spool/%n
SlurmctldPidFile=$home/slurmctld.pid
SlurmdPidFile=$home/slurmd$([ "$nodes" = 1 ] || echo -%n).pid
SlurmctldLogFile=$home/log/slurmctld.log
SlurmdLogFile=$home/log/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=1,requeue_delay=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
MaxArraySize=2001
KillWait=5
$described
PartitionName=main Nodes=$names Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld -c >/dev/null
if [ "$nodes" = 1 ]; then
  slurmd -c >/dev/null
else
  for i in $(seq "$nodes"); do start_node "n$i"; done
fi
wait_for "$nodes" && { echo "SLURM_CONF=$SLURM_CONF"; exit; }
stop
exit 1

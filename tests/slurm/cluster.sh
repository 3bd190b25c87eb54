#!/usr/bin/env bash
# A Slurm of one machine for the tests: munged, slurmctld and slurmd on the loopback, everything below one folder.
#
#   tests/slurm/cluster.sh up FOLDER     needs root and Debian's munge, slurmctld, slurmd, slurm-client; prints what to export
#   tests/slurm/cluster.sh down FOLDER   stops what `up` started there
set -euo pipefail
command=$1
home=$(mkdir -p "$2" && cd "$2" && pwd)
host=$(hostname -s)
pid_files=("$home/slurmd.pid" "$home/slurmctld.pid" "$home/munged.pid")

stop() {
  for file in "${pid_files[@]}"; do
    [ -s "$file" ] && kill "$(cat "$file")" 2>/dev/null || true
  done
}

case $command in
  down) stop; exit ;;
  up) ;;
  *) echo "usage: $0 up|down FOLDER" >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "not root" >&2; exit 1; }
for needed in munged slurmctld slurmd sbatch; do
  command -v "$needed" >/dev/null || { echo "no $needed" >&2; exit 1; }
done
getent hosts "$host" >/dev/null || { echo "the name $host of this machine does not resolve" >&2; exit 1; }

chmod 755 "$home"
mkdir -p "$home"/{state,spool,log}
(umask 077; mkdir -p "$home/key"; head -c 128 /dev/urandom >"$home/key/munge.key")
munged --force --key-file "$home/key/munge.key" --socket "$home/munge.socket" --pid-file "$home/munged.pid" \
  --log-file "$home/log/munged.log" --seed-file "$home/munge.seed"

cat >"$home/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=${SLURM_TEST_PORT:-17817}
SlurmdPort=$((${SLURM_TEST_PORT:-17817} + 1))
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket=$home/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$home/state
SlurmdSpoolDir=$home/spool
SlurmctldPidFile=$home/slurmctld.pid
SlurmdPidFile=$home/slurmd.pid
SlurmctldLogFile=$home/log/slurmctld.log
SlurmdLogFile=$home/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=1,requeue_delay=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
MaxArraySize=2001
KillWait=5
NodeName=$host NodeAddr=127.0.0.1 NodeHostname=$host CPUs=$(nproc) State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$home/slurm.conf
slurmctld -c >/dev/null
slurmd -c >/dev/null
for _ in $(seq 100); do
  case $(sinfo -h -o %T 2>/dev/null) in idle*) echo "SLURM_CONF=$SLURM_CONF"; exit ;; esac
  sleep 0.2
done
stop
echo "the node does not come up; see $home/log" >&2
exit 1

#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: The kvviz authors
# A Slurm of one machine for tests: munged, slurmctld and slurmd with ports, keys and a state folder of their own, so
# that neither a Slurm of this machine nor a second test is touched.
#   cluster.sh start FOLDER    makes FOLDER and prints nothing; status 77 and the reason where it cannot start
#   cluster.sh stop FOLDER     ends the daemons and what they started
# Between the two: SLURM_CONF=FOLDER/slurm.conf sbatch ...
set -u
action=$1 folder=$2

skip() { printf '%s\n' "$1"; exit 77; }

alive() { [ -e "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

stop() {
  for daemon in slurmd slurmctld munge/munged; do
    pid=$folder/$daemon.pid
    alive "$pid" || continue
    kill "$(cat "$pid")"
    for _ in $(seq 100); do alive "$pid" || break; sleep 0.05; done
    alive "$pid" && kill -KILL "$(cat "$pid")"
  done
  return 0
}

# Prints a port below the range of outgoing connections on which nothing listens.
free_port() {
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}

write_config() {
  local first host
  first=$(free_port $((20000 + $$ % 8000)))
  host=$(hostname -s)
  # More CPUs and memory than there may be (config_overrides), so that two tasks run at once.
  cat > "$folder/slurm.conf" <<CONFIG
ClusterName=kvviz
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$first
SlurmdPort=$(free_port $((first + 1)))
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
KillWait=10
SchedulerParameters=batch_sched_delay=0,sched_interval=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=32 RealMemory=65536 State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONFIG
}

start_munged() {
  install -d -o munge -g munge -m 755 "$folder/munge"
  dd if=/dev/urandom of="$folder/munge/key" bs=128 count=1 status=none
  chown munge:munge "$folder/munge/key"
  chmod 600 "$folder/munge/key"
  # --force: the socket lies in a folder that others can enter, which is what a test wants.
  runuser -u munge -- munged --force --socket="$folder/munge/socket" --key-file="$folder/munge/key" \
    --log-file="$folder/munge/munged.log" --pid-file="$folder/munge/munged.pid" --seed-file="$folder/munge/seed" \
    > "$folder/munge/start.log" 2>&1 || skip "munged does not start: $(tail -n 1 "$folder/munge/start.log")"
}

start() {
  [ "$(id -u)" = 0 ] || skip "a Slurm of its own can be started by root only"
  for program in munged slurmctld slurmd sbatch scontrol squeue scancel runuser; do
    command -v "$program" >/dev/null || skip "$program is not there (Debian: slurmctld slurmd slurm-client munge)"
  done
  id munge >/dev/null 2>&1 || skip "there is no user 'munge'"
  mkdir -p "$folder/state" "$folder/spool"
  chmod 755 "$folder"
  write_config
  start_munged
  export SLURM_CONF=$folder/slurm.conf
  slurmctld > "$folder/start.log" 2>&1 || skip "slurmctld does not start: $(tail -n 1 "$folder/start.log")"
  slurmd > "$folder/start.log" 2>&1 || skip "slurmd does not start: $(tail -n 1 "$folder/start.log")"
  for _ in $(seq 300); do
    [ "$(sinfo --noheader --format=%t 2>/dev/null)" = idle ] && return 0
    sleep 0.1
  done
  skip "the node of the test's Slurm does not become ready: $(tail -n 1 "$folder/slurmctld.log")"
}

case $action in
  start)
    trap 'status=$?; [ $status = 0 ] || stop' EXIT
    start ;;
  stop) stop ;;
  *) echo "cluster.sh: start or stop, not '$action'" >&2; exit 2 ;;
esac

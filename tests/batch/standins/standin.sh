#!/bin/bash
# STAND-INS of our own for batch systems that cannot be had here: the commands of OpenPBS (qsub qstat qdel qsig), LSF (bsub bjobs bkill) and Windows HPC (job), which they become by
# the name that they are called by. Jobs are processes of this machine; what is printed and which exit codes are given follows what was observed of OpenPBS 23.06 and what
# IBM's manuals say of LSF 10.1, Microsoft's of HPC Pack. State is in $STANDIN_STATE.
set -u
Q=$STANDIN_STATE/jobs; mkdir -p "$Q"
fail() { local code=$1; shift; echo "$*" >&2; exit "$code"; }
next() { ( flock 9; n=$(( $(cat "$Q/.next" 2>/dev/null || echo 0) + 1 )); echo $n > "$Q/.next"; echo $n ) 9> "$Q/.lock"; }
state() { # of member $1: R until its exit code is there
  if [ -f "$1/code" ]; then echo F; else echo R; fi; }
run() { # FOLDER INDEX VARIABLE=VALUE…: a member of a job, watched by a process of its own
  local dir=$1; mkdir -p "$dir"; shift 1
  env "$@" setsid bash -c 'cd "$HOME"; s="$0/script"; [ -f "$s" ] || s="$0/../script"; setsid sh "$s" > /dev/null 2>&1 < /dev/null & p=$!; echo $p > "$0/pid"; wait $p; echo $? > "$0/code"' "$dir" > /dev/null 2>&1 < /dev/null &
  while [ ! -s "$dir/pid" ]; do sleep 0.02; done; }
members() { ls -d "$Q/$1"/[0-9]* 2>/dev/null | sort -V; }
signal() { # SIGNAL JOB: to the whole group of each member that runs
  local m; for m in $(members "$2"); do [ -f "$m/code" ] || kill -"$1" -- -"$(cat "$m/pid")" 2>/dev/null; done; true; }
directive() { sed -n "s/^#$1.*[[:space:]]$2[[:space:]]*\"\{0,1\}\([^\" ]*\).*/\1/p" "$3" | tail -1; }

case $(basename "$0") in
qsub)
  script=${@: -1}; [ -f "$script" ] || fail 1 "qsub: script file:: No such file or directory"
  queue=$(directive PBS -q "$script"); [ -z "$queue" ] || [ "$queue" = workq ] || fail 170 "qsub: Unknown queue"
  grep -Eq '^#PBS.*walltime=[^0-9]' "$script" && fail 166 "qsub: Illegal attribute or resource value Resource_List.walltime"
  grep -q '^#PBS.*-l select=' "$script" && grep -Eq '^#PBS.*-l (mem|ncpus)=' "$script" && fail 1 'qsub: "-lresource=" cannot be used with "select" or "place", resource is: mem'
  range=$(directive PBS -J "$script"); [ "$range" != 1-1 ] || fail 2 "qsub: illegal -J value"
  n=$(next); mkdir -p "$Q/$n"; cp "$script" "$Q/$n/script"
  if [ -n "$range" ]; then touch "$Q/$n/array"; for i in $(seq "${range%-*}" "${range#*-}"); do run "$Q/$n/$i" PBS_JOBID="$n[$i].pbs1" PBS_ARRAY_INDEX="$i"; done; echo "$n[].pbs1"
  else run "$Q/$n/1" PBS_JOBID="$n.pbs1"; echo "$n.pbs1"; fi ;;
qstat)
  history=0; for word; do [ "$word" = -x ] && history=1; done; id=${@: -1}; n=${id%%[.\[]*}
  [ -d "$Q/$n" ] || fail 153 "qstat: Unknown Job Id $id"
  [ -f "$Q/$n/array" ] && case $id in *"[]"*) ;; *) fail 153 "qstat: Unknown Job Id $id";; esac
  alive=0; for m in $(members "$n"); do [ "$(state "$m")" = R ] && alive=1; done
  [ $alive = 1 ] || [ $history = 1 ] || fail 35 "qstat: $id Job has finished, use -x or -H to obtain historical job information"
  if [ -f "$Q/$n/array" ]; then printf 'Job Id: %s\n    Job_Name = x\n    job_state = %s\n\n' "$id" "$([ $alive = 1 ] && echo B || echo F)"; fi
  for m in $(members "$n"); do
    sub=$id; [ -f "$Q/$n/array" ] && sub="$n[$(basename "$m")].pbs1"
    printf 'Job Id: %s\n    Job_Name = x\n    job_state = %s\n' "$sub" "$(state "$m")"
    if [ -f "$m/code" ]; then printf '    Exit_status = %s\n' "$(cat "$m/code")"; fi; printf '    comment = Job run at Wed Nov 25 on\n\t(pbs1)\n\n'
  done ;;
qdel)
  id=${@: -1}; n=${id%%[.\[]*}; [ -d "$Q/$n" ] || fail 153 "qdel: Unknown Job Id $id"
  signal TERM "$n"; for _ in $(seq 30); do left=0; for m in $(members "$n"); do [ -f "$m/code" ] || left=1; done; [ $left = 0 ] && break; sleep 0.1; done; signal KILL "$n" ;;
qsig)
  [ "$1" = -s ] || fail 2 "usage: qsig [-s signal] job_identifier"; n=${3%%[.\[]*}; [ -d "$Q/$n" ] || fail 153 "qsig: Unknown Job Id $3"; signal "$2" "$n" ;;
bsub)
  script=$(mktemp "$STANDIN_STATE/in.XXXXXX"); cat > "$script"
  queue=$(directive BSUB -q "$script"); [ -z "$queue" ] || [ "$queue" = normal ] || fail 255 "$queue: No such queue. Job not submitted."
  grep -Eq '^#BSUB.*-W +[^0-9]' "$script" && fail 255 "Bad RUNLIMIT specification. Job not submitted."
  last=$(sed -n 's/^#BSUB.*-J.*\[1-\([0-9]*\)\].*/\1/p' "$script" | tail -1); n=$(next); mkdir -p "$Q/$n"; mv "$script" "$Q/$n/script"
  for i in $(seq 1 "${last:-1}"); do run "$Q/$n/$i" LSB_JOBID="$n" LSB_JOBINDEX="$i" LSB_QUEUE=normal; done
  if [ -n "$queue" ]; then echo "Job <$n> is submitted to queue <$queue>."; else echo "Job <$n> is submitted to default queue <normal>."; fi ;;
bjobs)
  id=${@: -1}; [ -d "$Q/$id" ] || fail 255 "Job <$id> is not found"
  for m in $(members "$id"); do if [ "$(state "$m")" = R ]; then echo 'RUN|-|-'; elif [ "$(cat "$m/code")" = 0 ]; then echo 'DONE|-|-'; else echo "EXIT|$(cat "$m/code")|-"; fi; done ;;
bkill)
  with=TERM; [ "$1" = -s ] && { with=$2; shift 2; }; [ -d "$Q/$1" ] || fail 255 "Job <$1>: No matching job found"
  left=0; for m in $(members "$1"); do [ -f "$m/code" ] || left=1; done; [ $left = 1 ] || fail 255 "Job <$1>: Job has already finished"
  signal "$with" "$1"; echo "Job <$1> is being terminated"
  if [ "$with" = TERM ]; then (sleep 5; signal KILL "$1") > /dev/null 2>&1 & fi; true ;;
job)
  verb=$1; shift; scheduler=; file=; force=; id=
  for word; do case $word in /scheduler:*) scheduler=${word#*:} ;; /jobfile:*) file=${word#*:} ;; /force) force=1 ;; *) id=$word ;; esac; done
  [ -z "$scheduler" ] || [ "$scheduler" = headnode ] || fail 1 "Could not connect to the head node $scheduler: No such host is known"
  case $verb in
  submit)
    [ -f "$file" ] || fail 1 "Could not find file '$file'."
    n=$(next); mkdir -p "$Q/$n"; "$STANDIN_DENO" run --quiet --no-config -A "$(dirname "$(readlink -f "$0")")/job_file.ts" "$file" "$Q/$n" || { rm -r "$Q/$n"; exit 1; }
    for m in $(members "$n"); do run "$m"; done; echo "Job has been submitted. ID: $n." ;;
  view)
    [ -d "$Q/$id" ] || fail 1 "The specified Job ID is not valid: job $id does not exist."
    state=Finished; [ ! -f "$Q/$id/canceled" ] || state=Canceled; why=
    for m in $(members "$id"); do [ ! -f "$m/code" ] || [ "$(cat "$m/code")" = 0 ] || [ $state = Canceled ] || { state=Failed; why="Task $(basename "$m") failed with exit code $(cat "$m/code")"; }; done
    for m in $(members "$id"); do [ -f "$m/code" ] || state=Running; done
    printf 'Job Id                  : %s\nJob Name                : x\nState                   : %s\n' "$id" "$state"
    [ -z "$why" ] || [ $state = Running ] || printf 'Error message           : %s\n' "$why" ;;
  cancel)
    [ -d "$Q/$id" ] || fail 1 "The specified Job ID is not valid: job $id does not exist."
    left=0; for m in $(members "$id"); do [ -f "$m/code" ] || left=1; done
    [ $left = 1 ] || fail 1 "The job is already finished, failed, or canceled."
    touch "$Q/$id/canceled"; if [ -n "$force" ]; then signal KILL "$id"; else signal TERM "$id"; fi; echo "Job $id is canceled." ;;
  *) fail 1 "job: unknown verb $verb" ;;
  esac ;;
*) fail 2 "standin: nobody calls it $(basename "$0")" ;;
esac

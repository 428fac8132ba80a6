#!/bin/sh
# Backs up and restores the desktop's home directory by hand, with the CronJobs that the chart creates for `backup.enabled`.
# docs/backup-and-restore.md shows each command. POSIX sh and kubectl.

set -eu

usage() {
  cat <<'TEXT'
Usage: backup-restore.sh [options] command

Commands:
  backup             back up now
  list               list the backups
  restore SNAPSHOT   replace the home directory by that backup (an identifier from `list`, or "latest")
  verify             check the repository
  start              start the desktop that a failed restore left stopped

Options:
  -n, --namespace NAME   namespace of the release (otherwise kubectl's)
      --fullname NAME    what the names of the release's objects begin with, such as desk-ghostwire
                         (otherwise the only one in the namespace that has backups)
      --context NAME     context of kubectl
      --timeout SECONDS  how long to wait for a job, or for the desktop to stop (21600)
      --skip-backup      restore: do not first back up what the restore replaces
      --dry-run          print the commands that would change something; run none of them
  -y, --yes              do not ask
  -h, --help             print this

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a restore left the desktop stopped.
TEXT
}

say() { printf '%s\n' "$*" >&2; }
fail() {
  say "$1"
  exit "${2:-1}"
}

namespace='' context='' fullname='' command='' snapshot=''
timeout=21600 dry_run=no yes=no skip_backup=no

while [ $# -gt 0 ]; do
  case $1 in
    -n | --namespace | --fullname | --context | --timeout)
      [ $# -ge 2 ] || fail "$1 needs a value." 2
      case $1 in
        --fullname) fullname=$2 ;;
        --context) context=$2 ;;
        --timeout) timeout=$2 ;;
        *) namespace=$2 ;;
      esac
      shift
      ;;
    --skip-backup) skip_backup=yes ;;
    --dry-run) dry_run=yes ;;
    -y | --yes) yes=yes ;;
    -h | --help)
      usage
      exit 0
      ;;
    -*) fail "Unknown option $1. Try --help." 2 ;;
    *)
      if [ -z "$command" ]; then
        command=$1
      elif [ "$command" = restore ] && [ -z "$snapshot" ]; then
        snapshot=$1
      else
        fail "One argument too many: $1. Try --help." 2
      fi
      ;;
  esac
  shift
done

case $timeout in '' | *[!0-9]*) fail "--timeout needs a number of seconds; it is $timeout." 2 ;; esac
case $command in
  backup | list | start | verify) ;;
  restore)
    case $snapshot in
      '') fail 'restore needs a snapshot: an identifier from the list of backups, or "latest".' 2 ;;
      *[!0-9a-f]*) [ "$snapshot" = latest ] || fail "$snapshot is not the identifier of a snapshot." 2 ;;
    esac
    ;;
  '')
    usage >&2
    exit 2
    ;;
  *) fail "Unknown command $command. Try --help." 2 ;;
esac
command -v kubectl >/dev/null || fail 'kubectl is not on the PATH.'

kube() {
  set -- "$@" ${namespace:+"--namespace=$namespace"} ${context:+"--context=$context"}
  kubectl "$@"
}

# For commands that change something.
change() {
  if [ "$dry_run" = yes ]; then
    say "would run: kubectl $*${namespace:+ --namespace=$namespace}"
  else
    kube "$@"
  fi
}

find_fullname() {
  found=$(kube get cronjobs --selector=app.kubernetes.io/component=backup \
    --output='jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}') || exit 1
  names=$(printf '%s\n' "$found" | sed -n 's/-restore$//p')
  case $names in
    '') fail 'There is no backup here: no CronJob with the label app.kubernetes.io/component=backup. Is backup.enabled set, and is this the namespace?' ;;
    *'
'*) fail "Several releases have backups here. Name one with --fullname: $(printf '%s' "$names" | tr '\n' ' ')" ;;
  esac
  printf '%s' "$names"
}

# Runs a job of the CronJob $1 with the environment that follows, waits for its end, and prints its log.
run_job() {
  cronjob=$fullname-$1
  job=$cronjob-$(date -u +%m%d%H%M%S)
  shift
  if [ "$dry_run" = yes ]; then
    say "would run: a job of the CronJob $cronjob${*:+ with $*}"
    return
  fi
  manifest=$(kube create job "$job" "--from=cronjob/$cronjob" --dry-run=client --output=json) || return 1
  if [ $# -gt 0 ]; then
    manifest=$(printf '%s' "$manifest" | kube set env --local --filename=- --output=json "$@") || return 1
  fi
  printf '%s' "$manifest" | kube create --filename=- >&2 || return 1
  waited=0
  while :; do
    conditions=$(kube get job "$job" --output='jsonpath={range .status.conditions[*]}{.type}={.status} {end}') || conditions=''
    case " $conditions" in *' Complete=True '* | *' Failed=True '*) break ;; esac
    if [ "$waited" -ge "$timeout" ]; then
      say "The job $job has not ended after $timeout seconds. It may still run: kubectl describe job $job"
      return 1
    fi
    sleep 2
    waited=$((waited + 2))
  done
  kube logs "--selector=job-name=$job" --tail=-1 || say "The log of $job is gone."
  case " $conditions" in *' Complete=True '*) return ;; esac
  say "The job $job failed."
  return 1
}

confirm() {
  [ "$yes" = no ] && [ "$dry_run" = no ] || return 0
  printf '%s Type "yes" to go on: ' "$1" >&2
  answer=''
  read -r answer || true
  [ "$answer" = yes ] || fail 'Nothing was changed.'
}

# The desktop with these fields of the script, `{"replicas":0}` or none. Without one, nobody owns the number of replicas: it becomes
# the default, 1, and the next `helm upgrade` meets no conflict.
set_desktop() {
  printf '{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"%s-desktop"},"spec":%s}' "$fullname" "$1" |
    change apply --server-side --field-manager=ghostwire-restore --force-conflicts --filename=- >&2
}

left_stopped() {
  say "The desktop is stopped. To start it with what its home directory contains now: $0${namespace:+ --namespace $namespace}${context:+ --context $context} --fullname $fullname start"
  exit 3
}

restore() {
  replicas=$(kube get statefulset "$fullname-desktop" --output='jsonpath={.spec.replicas}') || exit 1
  saved='First, what it contains now is backed up.'
  [ "$skip_backup" = no ] || saved='What it contains now is LOST.'
  confirm "This stops the desktop, closes what people have open, and replaces its home directory by the backup $snapshot. $saved"
  if [ "$replicas" -gt 0 ]; then
    trap left_stopped INT TERM
    set_desktop '{"replicas":0}' || exit 1
    if [ "$dry_run" = no ]; then
      kube wait --for=delete "pod/$fullname-desktop-0" "--timeout=${timeout}s" >&2 || left_stopped
    fi
  fi
  set -- "RESTORE_SNAPSHOT=$snapshot"
  [ "$skip_backup" = no ] || set -- "$@" RESTORE_SKIP_BACKUP=yes
  run_job restore "$@" || {
    [ "$replicas" -eq 0 ] || left_stopped
    exit 1
  }
  if [ "$replicas" -gt 0 ]; then
    set_desktop '{}' || left_stopped
    trap - INT TERM
  fi
  [ "$dry_run" = yes ] || say "Restored $snapshot."
}

if [ -z "$fullname" ]; then
  fullname=$(find_fullname)
fi
case $command in
  backup) run_job backup ;;
  list) run_job verify BACKUP_LIST=yes ;;
  verify) run_job verify ;;
  restore) restore ;;
  start) set_desktop '{}' ;;
esac

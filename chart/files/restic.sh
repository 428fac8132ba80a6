set -eu
umask 077
errors=$TMPDIR/errors
# Runs restic. While another job holds the repository, tries again, for 40 minutes. A job that was killed leaves its lock, and
# after half an hour `unlock` removes it.
run() {
  attempt=0
  while :; do
    code=0
    restic "$@" 2>"$errors" || code=$?
    cat "$errors" >&2
    if [ "$code" -eq 0 ] || ! grep -q 'already locked' "$errors" || [ "$attempt" -eq 480 ]; then
      return "$code"
    fi
    attempt=$((attempt + 1))
    sleep 5
    restic unlock
  done
}

# Copies /data to the repository, then deletes what no rule keeps. The first run creates the repository.
code=0
run cat config >/dev/null || code=$?
if [ "$code" -ne 0 ]; then
  # Any other error, such as a wrong password, must not lead to a new repository.
  grep -q 'Is there a repository at the following location' "$errors" || exit "$code"
  echo 'There is no repository yet. Creating it.'
  run init
fi
printf '%s\n' "$BACKUP_EXCLUDE" >"$TMPDIR/exclude"
code=0
run backup --host "$BACKUP_HOST" --tag home --exclude /data/lost+found --exclude-file "$TMPDIR/exclude" /data || code=$?
# 3: a backup that lacks files. Files that a running desktop deleted in the meantime are no loss, others are.
if [ "$code" -eq 3 ] && ! grep '^error: ' "$errors" | grep -qv 'no such file or directory$'; then
  echo 'The desktop deleted files during the backup. The backup contains all others.'
  code=0
fi
[ "$code" -eq 0 ] || exit "$code"
# One argument is one word: the template writes them.
# shellcheck disable=SC2086
run forget --host "$BACKUP_HOST" --group-by host,tags $BACKUP_KEEP --prune

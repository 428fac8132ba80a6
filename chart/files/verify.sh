if [ "${BACKUP_LIST:-}" = yes ]; then
  run snapshots --host "$BACKUP_HOST"
  exit
fi
# Checks the structure of the repository, and the content of a part of it.
run check --read-data-subset "$VERIFY_READ"

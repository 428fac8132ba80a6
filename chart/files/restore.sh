# Replaces what is in /data by the snapshot. Runs only when somebody creates a job from this CronJob.
case ${RESTORE_SNAPSHOT:-} in
  '')
    echo 'RESTORE_SNAPSHOT is not set. Name a snapshot, or "latest".' >&2
    exit 64
    ;;
esac
# Before anything is deleted: the snapshot is there, and all its folders can be read.
# (restic 0.14 lists nothing for a snapshot that is not there, and ends well.)
run ls --host "$BACKUP_HOST" --tag home "$RESTORE_SNAPSHOT" >"$TMPDIR/listing"
if ! grep -qx /data "$TMPDIR/listing"; then
  echo "There is no snapshot $RESTORE_SNAPSHOT of $BACKUP_HOST. Nothing was changed." >&2
  exit 66
fi
if [ "${RESTORE_SKIP_BACKUP:-}" != yes ]; then
  run backup --host "$BACKUP_HOST" --tag before-restore --exclude /data/lost+found /data
fi
# Folders without write permission cannot be emptied.
find /data -mindepth 1 -path /data/lost+found -prune -o -type d -exec chmod u+rwx {} \;
find /data -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf {} +
# Labels of SELinux are the node's, and only root may set them. restic 0.14 does not know the option.
set --
if restic restore --help | grep -q -e --exclude-xattr; then set -- --exclude-xattr 'security.*'; fi
# Not /data itself: on a new volume it belongs to root.
run restore "$RESTORE_SNAPSHOT" --host "$BACKUP_HOST" --tag home --target / --include '/data/*' "$@"
echo "Restored $RESTORE_SNAPSHOT."

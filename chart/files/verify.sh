# Checks the structure of the repository, and the content of a part of it.
run check --read-data-subset "$VERIFY_READ"

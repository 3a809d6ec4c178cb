"""What `make bench` runs: each measures our own parts beside something plain, and prints a table."""

"""Pure arithmetic of the log: entry, tree, verify. No I/O."""

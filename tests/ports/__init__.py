"""Each port, held to its contract with the real driver."""

"""An installation from afar: what `client` does over Temporal, and the store by reading, over the API instead."""

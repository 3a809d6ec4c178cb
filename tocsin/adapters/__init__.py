"""The real world, one file per driver. Each keeps a protocol of `tocsin.ports`."""

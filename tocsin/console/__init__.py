"""What the house shows to the outside over HTTP: receipts come in, recipients acknowledge their notice."""

"""The single deeds. One class per outside thing; every deed is safe to run twice."""

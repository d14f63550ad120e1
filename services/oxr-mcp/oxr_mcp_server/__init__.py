"""Tool server: where a participant's head is, and places relative to it."""

"""Questions about a picture, answered by classical image analysis that says only what it can measure (no weights)."""

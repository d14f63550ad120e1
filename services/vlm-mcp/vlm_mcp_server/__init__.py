"""Tool server: questions about a picture, answered by a vision model."""

"""Text to speech over OpenAI's audio path, spoken by espeak-ng (no weights, no GPU)."""

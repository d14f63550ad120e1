"""Speech to text over OpenAI's audio path: pocketsphinx, biased by the demo's command language (no weights, no GPU)."""

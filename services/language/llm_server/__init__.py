"""OpenAI-compatible chat completions for the demo's two language-model roles (`llm_server`)."""

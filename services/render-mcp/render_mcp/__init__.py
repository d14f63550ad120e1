"""Tool server: every participant's scene, edited through MCP tools and drawn by a renderer."""

"""How participants reach the hub. Each transport drives one `xr_ai_agent.Connector`."""

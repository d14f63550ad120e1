"""Tool server: pictures of what participants' cameras see."""

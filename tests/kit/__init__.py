"""What the cross-process tests share: a running stack, a person in a real browser, spoken sentences."""

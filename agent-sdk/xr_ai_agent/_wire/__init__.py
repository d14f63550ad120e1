"""What crosses the sockets: messages, their bytes, their topics, the names that may cross."""

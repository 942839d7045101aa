"""What nobody here would send: messages that break decoders, and how the service bears them."""

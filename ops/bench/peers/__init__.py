"""What the service is compared with, and stand-ins: small programs, each started on its own."""

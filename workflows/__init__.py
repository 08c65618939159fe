"""What happens: one verb a file. Knows no web, no broker, no Redis, no SMTP."""

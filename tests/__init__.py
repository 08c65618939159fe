"""What Guestlist promises, told as stories."""

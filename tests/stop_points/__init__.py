"""Killing each workflow at every statement that it makes."""

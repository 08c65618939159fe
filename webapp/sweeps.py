"""Sweeps on demand: what they found, and its mending (R60 to R62)."""

from flask import Blueprint

pages = Blueprint("sweeps", __name__, url_prefix="/a/<slug:slug>/sweeps")

"""Fault runs: real processes are killed, emptied and frozen under people at work; a model says what must hold."""

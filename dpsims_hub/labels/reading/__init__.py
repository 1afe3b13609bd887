"""Exact ids from files and arrays; one module for each kind of input."""

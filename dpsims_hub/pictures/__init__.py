"""Sheets of maps and photos, and plots."""

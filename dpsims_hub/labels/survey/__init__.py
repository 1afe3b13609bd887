"""Surveys of data sets: their contents and faults."""

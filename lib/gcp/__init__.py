"""Adapters to Google Cloud. Importing one imports its client library; nothing else does."""

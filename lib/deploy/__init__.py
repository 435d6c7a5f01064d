"""Deploys the schedule to other engines: Cloud Run with Cloud Scheduler, and Airflow."""

"""The schedule on engines that others keep running: Cloud Run with Cloud Scheduler, and Airflow."""

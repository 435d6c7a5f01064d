"""What Prometheus can scrape: of the archive's runs, and of the table with its lock."""

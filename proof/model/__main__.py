"""`python -m proof.model`: all searches, as a table."""

import sys

from proof.model.result import check_model

result = check_model()
print(result.markdown)
print(result.summary)
sys.exit(not result.holds)

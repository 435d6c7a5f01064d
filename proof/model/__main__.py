"""`python -m proof.model`: run all searches and print a table."""

import sys

from proof.model.result import check_model

result = check_model()
print(result.markdown)
print(result.summary)
sys.exit(not result.holds)

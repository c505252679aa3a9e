"""Two profiles: 25 fixed examples a property in every run, and more by an option.

python -m pytest tests/properties --hypothesis-profile=deep
"""

from hypothesis import settings

# no deadline: a slow machine is no fault; derandomised: every run tries the same examples
settings.register_profile("normal", max_examples=25, derandomize=True, deadline=None, database=None)
settings.register_profile("deep", max_examples=1000, deadline=None, database=None, print_blob=True)
settings.load_profile("normal")

"""Two profiles: 25 fixed examples a property in every run, and more by an option.

python -m pytest tests/properties --hypothesis-profile=deep
"""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

# no deadline: a slow machine is no fault; derandomised: every run tries the same examples
settings.register_profile("normal", max_examples=25, derandomize=True, deadline=None, database=None)
settings.register_profile("deep", max_examples=1000, deadline=None, database=None, print_blob=True)
settings.load_profile("normal")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Compute on one thread, and leave the setting as it was."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

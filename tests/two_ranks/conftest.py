"""The experiment and the batch of the training tests."""

from tests.training.conftest import batch, small  # noqa: F401 (fixtures)

"""The package timm, where it is installed."""

from typing import Any

from vivi.core.errors import ConfigError


def timm_library() -> Any:
    """The package timm.

    Raises:
        ConfigError: it cannot be imported.
    """
    try:
        import timm  # here, so that nothing else needs it
        import timm.data
        import timm.layers
    except (ImportError, RuntimeError) as error:  # torchvision, which timm needs, raises either
        raise ConfigError(
            f"a model of timm needs the package timm, which cannot be imported ({error}): pip install "
            "'vivi[timm]', or where it is there, a torchvision that fits this torch"
        ) from error
    return timm

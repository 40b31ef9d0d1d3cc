"""The shot store: frames of videos as JPEG in tar shards, with an index that finds any frame at once."""

from vivi.data.store.format import StoreInfo
from vivi.data.store.reader import ShotStore

__all__ = ["ShotStore", "StoreInfo"]

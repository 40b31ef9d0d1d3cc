"""Frames that are decoded and cropped on the device: threads only read their files."""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor

from vivi.data.crop import Crop
from vivi.data.frame_maker import DrawnSample, FrameMaker
from vivi.data.frame_source import Frame, Video
from vivi.data.jpeg import RowDecoder

JPEGDecoder = Callable[[Sequence[bytes], torch.device], list[Tensor]]
"""Whole JPEG files, at least one, to their pixels_3HW, uint8, RGB, on the device. It raises RuntimeError or ValueError
where one of them cannot be decoded, and may be called by several threads."""


class DeviceFrameMaker(FrameMaker[Tensor]):
    """Threads read files; the device decodes all those of a sample at once, then crops, flips and resizes them at once.

    Crops and flips are those of the CPU's way. So are the pixels, up to what the decoder does otherwise and to rounding
    (`resized_crops`). On CUDA all of it happens on a stream of its own, beside the training step.

    Args:
        shape: of a batch: N, K, L, 3, S, S.
        decode: JPEG files to pixels.
        device: where that is done and batches are delivered.
    """

    def __init__(self, shape: tuple[int, ...], *, decode: JPEGDecoder, device: torch.device) -> None:
        self._shape, self._decode, self._device = shape, decode, device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def take(self) -> Tensor:
        """Memory on the device."""
        with self._on_stream():
            return torch.empty(self._shape, dtype=torch.uint8, device=self._device)

    def fill(self, memory: Tensor, index: int, *, sample: DrawnSample, stop: threading.Event) -> bool:
        """See `FrameMaker.fill`; a frame that is shown several times is decoded once."""
        frames: list[Frame] = []
        which: list[int] = []
        for numbers in sample.numbers_KL:
            first = min(numbers)
            read = sample.video.read(first=first, count=max(numbers) - first + 1)
            different = list(dict.fromkeys(numbers))
            which += [len(frames) + different.index(number) for number in numbers]
            frames += [read[number - first] for number in different]
            if stop.is_set():
                return False
        crops = [crop for crops in sample.crops_KL for crop in crops]
        with self._on_stream():
            images_UCHW = torch.stack(self._decoded(frames, video=sample.video))
            made_FCSS = resized_crops(images_UCHW, which=which, crops=crops, size=self._shape[-1])
            memory[index].flatten(0, 1).copy_(made_FCSS)
        return True

    def deliver(self, memory: Tensor) -> Tensor:
        """The batch, when the device has done with it."""
        if self._stream is not None:
            self._stream.synchronize()
        return memory

    def hand_over(self, batch: Tensor) -> Tensor:
        """See `FrameMaker.hand_over`."""
        if self._stream is not None:
            batch.record_stream(torch.cuda.current_stream(self._device))
        return batch

    def _on_stream(self) -> AbstractContextManager[object]:
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def _decoded(self, frames: Sequence[Frame], *, video: Video) -> list[Tensor]:
        """The pixels_3HW of frames of one video; where the device refuses a file, the CPU's decoder decides."""
        files = [frame.data for frame in frames]
        whole = [data for data in files if data is not None]
        try:
            decoded = iter(self._sized(whole, video=video))
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError):
            return [self._alone(frame, video=video) for frame in frames]
        return [self._by_cpu(frame, video=video) if frame.data is None else next(decoded) for frame in frames]

    def _sized(self, files: Sequence[bytes], *, video: Video) -> list[Tensor]:
        images = self._decode(files, self._device) if files else []
        if any(tuple(image.shape) != (3, video.height, video.width) for image in images):
            raise ValueError("of another size")
        return images

    def _alone(self, frame: Frame, *, video: Video) -> Tensor:
        if frame.data is not None:
            try:
                return self._sized([frame.data], video=video)[0]
            except (RuntimeError, ValueError):
                pass
        return self._by_cpu(frame, video=video)

    def _by_cpu(self, frame: Frame, *, video: Video) -> Tensor:
        """What the CPU's decoder makes of a frame; it raises ViviError where that cannot decode it either."""
        image_HWC = frame.decode(RowDecoder(), rows=video.height)[: video.height, :, :3]
        return torch.from_numpy(np.ascontiguousarray(image_HWC.transpose(2, 0, 1))).to(self._device)


def resized_crops(images_UCHW: Tensor, *, which: Sequence[int], crops: Sequence[Crop], size: int) -> Tensor:
    """Crops of some images, resized and perhaps flipped, as `Cropper` does it: bilinear, without antialiasing.

    Positions are worked out on the CPU in float64, values in float32 on the device and rounded to the nearest.

    Args:
        images_UCHW: uint8.
        which: the image of each crop, a number below U.
        crops: F of them.
        size: S, pixels of a side.

    Returns:
        pixels_FCSS, uint8, on the device of the images.
    """
    device = images_UCHW.device
    top_FS, bottom_FS, down_FS = _taps([crop.top for crop in crops], [crop.height for crop in crops], size=size)
    left_FS, right_FS, across_FS = _taps([crop.left for crop in crops], [crop.width for crop in crops], size=size)
    flips_F = torch.tensor([crop.flip for crop in crops])
    for taps_FS in (left_FS, right_FS, across_FS):
        taps_FS[flips_F] = taps_FS[flips_F].flip(1)
    images_CUHW, which_F11 = images_UCHW.movedim(1, 0), torch.tensor(which, device=device)[:, None, None]

    def pixels(rows_FS: Tensor, columns_FS: Tensor) -> Tensor:
        rows_FS1, columns_F1S = rows_FS.to(device)[:, :, None], columns_FS.to(device)[:, None, :]
        return images_CUHW[:, which_F11, rows_FS1, columns_F1S].float()

    across_F1S, down_FS1 = across_FS.to(device)[:, None, :], down_FS.to(device)[:, :, None]
    upper_CFSS = pixels(top_FS, left_FS).lerp(pixels(top_FS, right_FS), across_F1S)
    lower_CFSS = pixels(bottom_FS, left_FS).lerp(pixels(bottom_FS, right_FS), across_F1S)
    return upper_CFSS.lerp(lower_CFSS, down_FS1).round().to(torch.uint8).movedim(0, 1)


def _taps(starts: Sequence[int], lengths: Sequence[int], *, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """The two neighbours of each of S positions along an axis of each crop, and the share of the second one."""
    start_F1, length_F1 = (torch.tensor(each, dtype=torch.float64)[:, None] for each in (starts, lengths))
    position_FS = torch.minimum(torch.arange(size, dtype=torch.float64) * (length_F1 / size), length_F1 - 1)
    before_FS = position_FS.floor()
    after_FS = torch.minimum(before_FS + 1, length_F1 - 1)
    share_FS = (position_FS - before_FS).float()
    return (before_FS + start_F1).long(), (after_FS + start_F1).long(), share_FS

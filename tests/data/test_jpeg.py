"""Decoding only the upper rows gives the rows of a whole decode."""

import cv2
import numpy as np
import pytest
import simplejpeg

from vivi.data.jpeg import RowDecoder


def picture(height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(height).integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("colour", ["420", "422", "444", "440"])
@pytest.mark.parametrize(("height", "width"), [(64, 81), (77, 50), (16, 16), (3, 5)])
def test_every_number_of_rows_is_exact(height, width, colour):
    data = simplejpeg.encode_jpeg(picture(height, width), quality=90, colorsubsampling=colour)
    whole = simplejpeg.decode_jpeg(data, "RGBX")
    for rows in range(1, height + 1):
        upper = RowDecoder().decode(data, height=height, width=width, rows=rows)
        assert np.array_equal(upper[:rows], whole[:rows])


def test_less_is_decoded():
    data = simplejpeg.encode_jpeg(picture(256, 64), quality=90)
    upper = RowDecoder().decode(data, height=256, width=64, rows=30)
    assert upper.shape == (32, 64, 4)


def test_no_row_starts_where_the_decoder_would_write_past_the_cache():
    data = simplejpeg.encode_jpeg(picture(64, 65), quality=90)
    image = RowDecoder().decode(data, height=64, width=65, rows=64)
    assert all(row.__array_interface__["data"][0] % 32 for row in image)


def test_a_progressive_jpeg_is_decoded_whole():
    done, data = cv2.imencode(".jpg", picture(64, 80), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    assert done
    whole = simplejpeg.decode_jpeg(data.tobytes(), "RGBX")
    upper = RowDecoder().decode(data.tobytes(), height=64, width=80, rows=10)
    assert np.array_equal(upper[:10], whole[:10])


@pytest.mark.parametrize("rows", [5, 64])
@pytest.mark.parametrize("damage", ["empty", "noise", "cut", "other size", "larger"])
def test_damage_is_a_value_error(damage, rows):
    good = simplejpeg.encode_jpeg(picture(64, 80), quality=90)
    data = {
        "empty": b"",
        "noise": bytes(range(256)) * 4,
        "cut": good[:100],
        "other size": simplejpeg.encode_jpeg(picture(48, 60), quality=90),
        "larger": simplejpeg.encode_jpeg(picture(640, 800), quality=90),
    }[damage]
    with pytest.raises(ValueError):
        RowDecoder().decode(data, height=64, width=80, rows=rows)

"""Forward passes of published networks by their own variable names: NumPy, float64, images NHWC and kernels HWIO.

Written from the sources that the converters name, not from our modules. A network asks its `Store` for each variable
by name and shape; a new store draws them at random, so running a network once also makes a checkpoint of it.
"""

import numpy as np

MEAN = np.array([123.68, 116.779, 103.939])


class Store:
    """Variables by name, drawn when they are first asked for."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.variables: dict[str, np.ndarray] = {}

    def __call__(self, name: str, *shape: int) -> np.ndarray:
        if name not in self.variables:
            self.variables[name] = self.drawn(name.rpartition("/")[2], shape).astype(np.float32)
        assert self.variables[name].shape == shape, name
        return self.variables[name].astype(np.float64)

    def drawn(self, leaf: str, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) > 1:
            return self.rng.normal(0.05, 1, shape) / np.sqrt(np.prod(shape[:-1]))
        low, high = (0.5, 1.5) if leaf in ("gamma", "moving_variance") else (-0.3, 0.3)
        return self.rng.uniform(low, high, shape)


def relu(x):
    return np.maximum(x, 0)


def padded(x, before: int, after: int, value: float = 0.0):
    return np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)), constant_values=value)


def valid(x, kernel, stride: int = 1):
    """A convolution without padding."""
    height, width = ((side - size) // stride + 1 for side, size in zip(x.shape[1:3], kernel.shape[:2], strict=True))
    out = 0
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            rows, columns = slice(i, i + stride * height, stride), slice(j, j + stride * width, stride)
            out = out + x[:, rows, columns][:, :height, :width] @ kernel[i, j]
    return out


def max_pool(x, size: int, stride: int):
    height, width = ((side - size) // stride + 1 for side in x.shape[1:3])
    parts = [
        x[:, i : i + stride * height : stride, j : j + stride * width : stride][:, :height, :width]
        for i in range(size)
        for j in range(size)
    ]
    return np.max(parts, axis=0)


def batch_norm(store, name: str, x, eps: float):
    gamma, beta, mean, variance = (
        store(f"{name}/{leaf}", x.shape[-1]) for leaf in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return (x - mean) / np.sqrt(variance + eps) * gamma + beta


def group_norm(store, name: str, x, groups: int = 32):
    shape = x.shape
    x = x.reshape(*shape[:3], groups, -1)
    x = (x - x.mean(axis=(1, 2, 4), keepdims=True)) / np.sqrt(x.var(axis=(1, 2, 4), keepdims=True) + 1e-5)
    return x.reshape(shape) * store(f"{name}/gamma", shape[-1]) + store(f"{name}/beta", shape[-1])


def standardised(kernel):
    return (kernel - kernel.mean(axis=(0, 1, 2))) / np.sqrt(kernel.var(axis=(0, 1, 2)) + 1e-10)


def resnet_v2(x, *, units, channels: int, root, unit, last):
    """What the three ancestors share; `root`, `unit` and `last` ask for the variables."""
    x = max_pool(padded(root(padded(x, 3, 3), channels), 1, 1), 3, 2)
    for block, count in enumerate(units):
        for number in range(count):
            filters = channels * 4 * 2**block
            x = unit(x, block + 1, number + 1, filters, 2 if block > 0 and number == 0 else 1)
    return relu(last(x)).mean(axis=(1, 2))


def bit(store: Store, x, *, units, channels: int, scope: str = "resnet/", layer: str = "standardized_conv2d"):
    """Big Transfer. Images in [-1, 1]."""

    def conv(name, x, size, filters, stride=1):
        kernel = store(f"{name}/{layer}/kernel", size, size, x.shape[-1], filters)
        return valid(padded(x, size // 2, size // 2) if size == 3 else x, standardised(kernel), stride)

    def unit(x, block, number, filters, stride):
        name = f"{scope}block{block}/unit{number:02d}"
        ready = relu(group_norm(store, f"{name}/a/group_norm", x))
        if stride > 1 or x.shape[-1] != filters:
            x = conv(f"{name}/a/proj", ready, 1, filters, stride)
        y = conv(f"{name}/a", ready, 1, filters // 4)
        y = conv(f"{name}/b", relu(group_norm(store, f"{name}/b/group_norm", y)), 3, filters // 4, stride)
        return x + conv(f"{name}/c", relu(group_norm(store, f"{name}/c/group_norm", y)), 1, filters)

    return resnet_v2(
        x, units=units, channels=channels, unit=unit,
        root=lambda x, filters: conv(f"{scope}root_block", x, 7, filters, 2),
        last=lambda x: group_norm(store, f"{scope}group_norm", x),
    )  # fmt: skip


def s4l(store: Store, x, *, units, channels: int, scope: str = "module/"):
    """S4L and VTAB. Images in [-1, 1]."""

    def conv(name, x, size, filters, stride=1):
        return valid(x, store(f"{name}/conv2d/kernel", size, size, x.shape[-1], filters), stride)

    def norm(name, x):
        return relu(batch_norm(store, f"{name}batch_normalization", x, 1e-3))

    def unit(x, block, number, filters, stride):
        name = f"{scope}block{block}/unit{number}"
        ready = norm(f"{name}/", x)
        if stride > 1 or x.shape[-1] != filters:
            x = conv(f"{name}/proj", ready, 1, filters, stride)
        y = conv(f"{name}/a", ready, 1, filters // 4)
        y = conv(f"{name}/b", padded(norm(f"{name}/b/", y), 1, 1), 3, filters // 4, stride)
        return x + conv(f"{name}/c", norm(f"{name}/c/", y), 1, filters)

    return resnet_v2(
        x, units=units, channels=channels, unit=unit,
        root=lambda x, filters: conv(f"{scope}root_block", x, 7, filters, 2),
        last=lambda x: batch_norm(store, f"{scope}batch_normalization", x, 1e-3),
    )  # fmt: skip


def revisiting(store: Store, x, *, units, channels: int, scope: str = ""):
    """Revisiting Self-Supervised Learning: layers get their number when they are made. Images in [-1, 1]."""
    made = {"conv2d": 0, "batch_normalization": 0}

    def name(kind):
        made[kind] += 1
        return scope + (kind if made[kind] == 1 else f"{kind}_{made[kind] - 1}")

    def conv(x, size, filters, stride=1):
        return valid(x, store(f"{name('conv2d')}/kernel", size, size, x.shape[-1], filters), stride)

    def norm(x):
        return batch_norm(store, name("batch_normalization"), x, 1e-3)

    def unit(x, block, number, filters, stride):
        shortcut, x = x, relu(norm(x))
        if stride > 1 or x.shape[-1] != filters:
            shortcut = conv(x, 1, filters, stride)
        x = relu(norm(conv(x, 1, filters // 4)))
        x = relu(norm(conv(padded(x, 1, 1), 3, filters // 4, stride)))
        return shortcut + conv(x, 1, filters)

    return resnet_v2(
        x, units=units, channels=channels, unit=unit, root=lambda x, filters: conv(x, 7, filters, 2), last=norm
    )


def slim(store: Store, x, *, units, channels: int, scope: str = "resnet_v2_101/"):
    """TF-Slim's ResNet v2 up to block 3, averaged. Images in [-1, 1], made RGB less the mean here."""

    def weights(name, x, size, filters):
        return store(f"{name}/weights", size, size, x.shape[-1], filters)

    def biases(name, filters):
        return store(f"{name}/biases", filters)

    def conv2d_same(x, kernel, stride):
        total = len(kernel) - 1
        return valid(padded(x, total // 2, total - total // 2), kernel, stride)

    def norm(name, x):
        return relu(batch_norm(store, name, x, 1e-5))

    def unit(x, name, filters, stride):
        preact = norm(f"{name}/preact", x)
        if filters == x.shape[-1]:
            shortcut = max_pool(x, 1, stride)
        else:
            kernel = weights(f"{name}/shortcut", preact, 1, filters)
            shortcut = valid(preact, kernel, stride) + biases(f"{name}/shortcut", filters)
        y = norm(f"{name}/conv1/BatchNorm", valid(preact, weights(f"{name}/conv1", preact, 1, filters // 4)))
        y = norm(f"{name}/conv2/BatchNorm", conv2d_same(y, weights(f"{name}/conv2", y, 3, filters // 4), stride))
        return shortcut + valid(y, weights(f"{name}/conv3", y, 1, filters)) + biases(f"{name}/conv3", filters)

    x = (x + 1) * 127.5 - MEAN
    x = conv2d_same(x, weights(f"{scope}conv1", x, 7, channels), 2) + biases(f"{scope}conv1", channels)
    x = same_max_pool(x)
    for block, count in enumerate(units):
        for number in range(count):
            stride = 2 if number == count - 1 else 1
            name = f"{scope}block{block + 1}/unit_{number + 1}/bottleneck_v2"
            x = unit(x, name, channels * 4 * 2**block, stride)
    return x.mean(axis=(1, 2))


def same_max_pool(x):
    """3x3, stride 2, with TensorFlow's rule for "SAME", each side by itself."""
    pads = [(0, 0)]
    for side in x.shape[1:3]:
        total = max(0, (-(-side // 2) - 1) * 2 + 3 - side)
        pads.append((total // 2, total - total // 2))
    return max_pool(np.pad(x, (*pads, (0, 0)), constant_values=-np.inf), 3, 2)


def vgg16(layers: dict[str, list[np.ndarray]], x, *, dense: bool = False):
    """Caffe's VGG-16, blobs OIHW. Images RGB in [-1, 1], made BGR of 255 less the mean here."""
    x = ((x + 1) * 127.5)[..., ::-1] - np.array([103.939, 116.779, 123.68])
    for block, count in enumerate((2, 2, 3, 3, 3), start=1):
        for number in range(1, count + 1):
            weight, bias = (each.astype(np.float64) for each in layers[f"conv{block}_{number}"])
            x = relu(valid(padded(x, 1, 1), weight.transpose(2, 3, 1, 0)) + bias)
        rows, columns = (side % 2 for side in x.shape[1:3])
        x = max_pool(np.pad(x, ((0, 0), (0, rows), (0, columns), (0, 0)), constant_values=-np.inf), 2, 2)
    if not dense:
        return x.mean(axis=(1, 2))
    x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
    for name in ("fc6", "fc7"):
        weight, bias = (each.astype(np.float64) for each in layers[name])
        x = relu(x @ weight.T + bias)
    return x


def vgg16_layers(seed: int, *, channels: int, dense: tuple[int, ...] = ()) -> dict[str, list[np.ndarray]]:
    """Blobs of a random VGG-16 of `channels` instead of 64."""
    rng, inputs, layers = np.random.default_rng(seed), 3, {}
    for block, (count, factor) in enumerate(((2, 1), (2, 2), (3, 4), (3, 8), (3, 8)), start=1):
        for number in range(1, count + 1):
            outputs = channels * factor
            weight = rng.normal(0, (2 / (9 * inputs)) ** 0.5, (outputs, inputs, 3, 3))
            layers[f"conv{block}_{number}"] = [weight, rng.uniform(-0.3, 0.3, outputs)]
            inputs = outputs
    inputs *= 49
    for number, outputs in enumerate(dense, start=6):
        layers[f"fc{number}"] = [rng.normal(0, inputs**-0.5, (outputs, inputs)), rng.uniform(-0.3, 0.3, outputs)]
        inputs = outputs
    return {name: [each.astype(np.float32) for each in arrays] for name, arrays in layers.items()}

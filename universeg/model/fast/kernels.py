"""Triton kernels: each does in one pass over memory what `plain.py` does in several. `fused.py` starts them.

They are programs for a GPU in Python's syntax. With TRITON_INTERPRET=1, Triton runs them on a CPU, slowly, for tests.

Tensors are channels last: rows of pixels, each with its features side by side. A program works on P windows of one
batch item, for some support entries one after another. A window is 2 x 2 pixels that are pooled to one (K = 4), or one
pixel (K = 1). So blocks of values are (K, P, features). Entry n of batch item b is row n * batch + b.
"""

import triton
import triton.language as tl

TAPS = tl.constexpr(50)  # 5 x 5 pixels of 2 channels
PADDED_TAPS = tl.constexpr(64)  # a matrix product needs a power of two
# Arguments whose values must not lead to another compilation: N differs between steps of a training.
COUNTS = ("entries", "batch", "high", "wide", "per_split", "tiles")


@triton.jit
def _pixels(window, wide, K: tl.constexpr, P: tl.constexpr):
    """Row and column (K, P) of each pixel of the windows."""
    k = tl.arange(0, K)[:, None]
    if K == 1:
        return (window // wide)[None, :] + 0 * k, (window % wide)[None, :] + 0 * k
    half = wide // 2
    return 2 * (window // half)[None, :] + k // 2, 2 * (window % half)[None, :] + k % 2


@triton.jit
def _active(z, SLOPE: tl.constexpr):
    return tl.where(z > 0, z, z * SLOPE)


@triton.jit
def _edges(top, bottom, left, right, row, y, x, ok, f, high, wide, F: tl.constexpr, ACC: tl.constexpr):
    """What is subtracted at the edges of the image: values (pixels, features), 0 elsewhere."""
    across, along = (row * wide + x)[:, None] * F + f[None, :], (row * high + y)[:, None] * F + f[None, :]
    found = tl.load(top + across, ok & (y == 0)[:, None], 0).to(ACC)
    found += tl.load(bottom + across, ok & (y == high - 1)[:, None], 0).to(ACC)
    found += tl.load(left + along, ok & (x == 0)[:, None], 0).to(ACC)
    return found + tl.load(right + along, ok & (x == wide - 1)[:, None], 0).to(ACC)


@triton.jit
def _patches(images, row, y, x, inside, high, wide):
    """The 5 x 5 pixels of 2 channels around each pixel: (pixels, PADDED_TAPS), 0 outside the image."""
    tap = tl.arange(0, PADDED_TAPS)
    yy = y[:, None] + (tap // 10)[None, :] - 2
    xx = x[:, None] + (tap % 10 // 2)[None, :] - 2
    ok = inside[:, None] & (tap < TAPS)[None, :] & (yy >= 0) & (yy < high) & (xx >= 0) & (xx < wide)
    return tl.load(images + ((row * high + yy) * wide + xx) * 2 + (tap % 2)[None, :], ok, 0)


@triton.jit(do_not_specialize=COUNTS)
def first_block(
    images, weights, shared, top, bottom, left, right, pooled, total, pooled_total,
    entries, batch, high, wide, per_split,
    F: tl.constexpr, BF: tl.constexpr, P: tl.constexpr,
    ACC: tl.constexpr, PRECISION: tl.constexpr, SLOPE: tl.constexpr,
):  # fmt: skip
    """Convolve images and masks, add the query's part, activate; write the pooled features and the sums only."""
    tile, item, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    count = high * wide // 4
    window, f = tile * P + tl.arange(0, P), tl.arange(0, BF)
    y2, x2 = _pixels(window, wide, 4, P)
    y, x = tl.reshape(y2, [4 * P]), tl.reshape(x2, [4 * P])
    inside = tl.reshape((window < count)[None, :] & (y2 >= 0), [4 * P])
    ok = inside[:, None] & (f < F)[None, :]
    ok_window = (window < count)[:, None] & (f < F)[None, :]
    pixel = (y * wide + x)[:, None] * F + f[None, :]
    tap = tl.arange(0, PADDED_TAPS)
    w = tl.load(weights + tap[:, None] * F + f[None, :], (f < F)[None, :] & (tap >= 0)[:, None], 0)
    own = tl.load(shared + item * high * wide * F + pixel, ok, 0).to(ACC)
    on_edge = inside & ((y == 0) | (y == high - 1) | (x == 0) | (x == wide - 1))
    touches = tl.max(on_edge.to(tl.int32), 0) > 0
    sums = tl.zeros([4 * P, BF], ACC)
    pooled_sums = tl.zeros([P, BF], ACC)
    for n in range(split * per_split, min(entries, (split + 1) * per_split)):
        row = (n * batch + item).to(tl.int64)
        z = tl.dot(_patches(images, row, y, x, inside, high, wide), w, input_precision=PRECISION, out_dtype=ACC) + own
        if touches:
            z -= _edges(top, bottom, left, right, row, y, x, ok, f, high, wide, F, ACC)
        active = _active(z, SLOPE).to(pooled.dtype.element_ty).to(ACC)  # rounded as it would be stored
        sums += active
        best = tl.max(tl.reshape(active, [4, P, BF]), 0)
        tl.store(pooled + (row * count + window)[:, None] * F + f[None, :], best, ok_window)
        pooled_sums += best
    at = (split * tl.num_programs(1) + item).to(tl.int64)
    tl.store(total + at * high * wide * F + pixel, sums, ok)
    tl.store(pooled_total + at * count * F + window[:, None] * F + f[None, :], pooled_sums, ok_window)


@triton.jit(do_not_specialize=COUNTS)
def first_block_gradient(
    images, weights, shared, top, bottom, left, right, d_pooled, d_total, d_pooled_total,
    d_weights, d_shared, d_top, d_bottom, d_left, d_right,
    entries, batch, high, wide, tiles,
    F: tl.constexpr, BF: tl.constexpr, P: tl.constexpr,
    ACC: tl.constexpr, PRECISION: tl.constexpr, SLOPE: tl.constexpr,
):  # fmt: skip
    """The gradients of `first_block`, whose features are computed again. Each program sums its own `d_weights`."""
    count, f, tap = high * wide // 4, tl.arange(0, BF), tl.arange(0, PADDED_TAPS)
    k = tl.arange(0, 4)[:, None, None]
    ok_tap = (f < F)[None, :] & (tap >= 0)[:, None]
    w = tl.load(weights + tap[:, None] * F + f[None, :], ok_tap, 0)
    d_w = tl.zeros([PADDED_TAPS, BF], ACC)
    for work in range(tl.program_id(0), tiles * batch, tl.num_programs(0)):
        item = work // tiles
        window = work % tiles * P + tl.arange(0, P)
        y2, x2 = _pixels(window, wide, 4, P)
        y, x = tl.reshape(y2, [4 * P]), tl.reshape(x2, [4 * P])
        inside = tl.reshape((window < count)[None, :] & (y2 >= 0), [4 * P])
        ok = inside[:, None] & (f < F)[None, :]
        ok_window = (window < count)[:, None] & (f < F)[None, :]
        pixel = item.to(tl.int64) * high * wide * F + (y * wide + x)[:, None] * F + f[None, :]
        in_item = window[:, None] * F + f[None, :]
        own = tl.load(shared + pixel, ok, 0).to(ACC)
        d_sums = tl.load(d_total + pixel, ok, 0).to(ACC)
        d_pooled_sums = tl.load(d_pooled_total + item.to(tl.int64) * count * F + in_item, ok_window, 0).to(ACC)
        on_edge = inside & ((y == 0) | (y == high - 1) | (x == 0) | (x == wide - 1))
        touches = tl.max(on_edge.to(tl.int32), 0) > 0
        d_own = tl.zeros([4 * P, BF], ACC)
        for n in range(0, entries):
            row = (n * batch + item).to(tl.int64)
            patches = _patches(images, row, y, x, inside, high, wide)
            z = tl.dot(patches, w, input_precision=PRECISION, out_dtype=ACC) + own
            if touches:
                z -= _edges(top, bottom, left, right, row, y, x, ok, f, high, wide, F, ACC)
            active = _active(z, SLOPE).to(d_pooled.dtype.element_ty).to(ACC)
            which = tl.argmax(tl.reshape(active, [4, P, BF]), 0)
            d_best = tl.load(d_pooled + row * count * F + in_item, ok_window, 0).to(ACC) + d_pooled_sums
            d_active = d_sums + tl.reshape(tl.where(k == which[None, :, :], d_best[None, :, :], 0), [4 * P, BF])
            d_z = tl.where(active > 0, d_active, d_active * SLOPE)
            d_own += d_z
            d_w += tl.dot(tl.trans(patches), d_z.to(patches.dtype), input_precision=PRECISION, out_dtype=ACC)
            if touches:
                across, along = (row * wide + x)[:, None] * F + f[None, :], (row * high + y)[:, None] * F + f[None, :]
                tl.store(d_top + across, -d_z, ok & (y == 0)[:, None])
                tl.store(d_bottom + across, -d_z, ok & (y == high - 1)[:, None])
                tl.store(d_left + along, -d_z, ok & (x == 0)[:, None])
                tl.store(d_right + along, -d_z, ok & (x == wide - 1)[:, None])
        tl.store(d_shared + pixel, d_own, ok)
    tl.store(d_weights + tl.program_id(0) * PADDED_TAPS * F + tap[:, None] * F + f[None, :], d_w, ok_tap)


@triton.jit(do_not_specialize=COUNTS)
def finish(
    x_in, shared, y_out, pooled, total, pooled_total, entries, batch, high, wide, per_split,
    F: tl.constexpr, BF: tl.constexpr, P: tl.constexpr, K: tl.constexpr, ACC: tl.constexpr, SLOPE: tl.constexpr,
):  # fmt: skip
    """Add the query's part to each entry and activate; also pool (K = 4), and sum over the entries."""
    tile, item, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    count = high * wide // K
    window, f = tile * P + tl.arange(0, P), tl.arange(0, BF)
    y, x = _pixels(window, wide, K, P)
    ok = ((window < count)[None, :] & (y >= 0))[:, :, None] & (f < F)[None, None, :]
    ok_window = (window < count)[:, None] & (f < F)[None, :]
    pixel = (y * wide + x)[:, :, None] * F + f[None, None, :]
    own = tl.load(shared + item.to(tl.int64) * high * wide * F + pixel, ok, 0).to(ACC)
    sums = tl.zeros([K, P, BF], ACC)
    pooled_sums = tl.zeros([P, BF], ACC)
    for n in range(split * per_split, min(entries, (split + 1) * per_split)):
        row = (n * batch + item).to(tl.int64)
        at = row * high * wide * F + pixel
        active = _active(tl.load(x_in + at, ok, 0).to(ACC) + own, SLOPE).to(y_out.dtype.element_ty).to(ACC)
        tl.store(y_out + at, active, ok)
        sums += active
        if K == 4:
            best = tl.max(active, 0)
            tl.store(pooled + (row * count + window)[:, None] * F + f[None, :], best, ok_window)
            pooled_sums += best
    at_item = (split * tl.num_programs(1) + item).to(tl.int64)
    tl.store(total + at_item * high * wide * F + pixel, sums, ok)
    if K == 4:
        tl.store(pooled_total + at_item * count * F + window[:, None] * F + f[None, :], pooled_sums, ok_window)


@triton.jit(do_not_specialize=COUNTS)
def finish_gradient(
    y_out, d_y, d_pooled, d_total, d_pooled_total, d_x, d_shared,
    entries, batch, high, wide, per_split,
    F: tl.constexpr, BF: tl.constexpr, P: tl.constexpr, K: tl.constexpr, ACC: tl.constexpr, SLOPE: tl.constexpr,
    HAS_D_Y: tl.constexpr, D_Y_PIXEL: tl.constexpr,
):  # fmt: skip
    """The gradients of `finish`. `d_y` may be a part of a tensor: its pixels are D_Y_PIXEL values apart."""
    tile, item, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    count = high * wide // K
    window, f = tile * P + tl.arange(0, P), tl.arange(0, BF)
    y, x = _pixels(window, wide, K, P)
    ok = ((window < count)[None, :] & (y >= 0))[:, :, None] & (f < F)[None, None, :]
    ok_window = (window < count)[:, None] & (f < F)[None, :]
    place = (y * wide + x)[:, :, None]
    pixel = place * F + f[None, None, :]
    in_item = window[:, None] * F + f[None, :]
    d_sums = tl.load(d_total + item.to(tl.int64) * high * wide * F + pixel, ok, 0).to(ACC)
    if K == 4:
        d_pooled_sums = tl.load(d_pooled_total + item.to(tl.int64) * count * F + in_item, ok_window, 0).to(ACC)
    d_own = tl.zeros([K, P, BF], ACC)
    for n in range(split * per_split, min(entries, (split + 1) * per_split)):
        row = (n * batch + item).to(tl.int64)
        at = row * high * wide * F + pixel
        active = tl.load(y_out + at, ok, 0).to(ACC)
        d_active = d_sums
        if HAS_D_Y:
            d_active += tl.load(d_y + (row * high * wide + place) * D_Y_PIXEL + f[None, None, :], ok, 0).to(ACC)
        if K == 4:
            d_best = tl.load(d_pooled + row * count * F + in_item, ok_window, 0).to(ACC) + d_pooled_sums
            chosen = tl.arange(0, K)[:, None, None] == tl.argmax(active, 0)[None, :, :]
            d_active += tl.where(chosen, d_best[None, :, :], 0)
        d_z = tl.where(active > 0, d_active, d_active * SLOPE)
        tl.store(d_x + at, d_z, ok)
        d_own += d_z
    tl.store(d_shared + (split * tl.num_programs(1) + item).to(tl.int64) * high * wide * F + pixel, d_own, ok)

"""Triton kernels of the enlargement with the join, and its gradient; as in `kernels.py`, without windows."""

import triton
import triton.language as tl

from universeg.model.fast.kernels import COUNTS


@triton.jit(do_not_specialize=COUNTS)
def enlarge_and_join(
    below, skip, joined, high, wide, step_down, step_right,
    FB: tl.constexpr, FS: tl.constexpr, BB: tl.constexpr, BS: tl.constexpr, P: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """Features from below (high / 2, wide / 2), enlarged bilinearly, and those of the skip connection beside them."""
    row = tl.program_id(1).to(tl.int64)
    h, w = high // 2, wide // 2
    at = tl.program_id(0) * P + tl.arange(0, P)
    inside = (at < high * wide)[:, None]
    y, x = (at // wide).to(ACC) * step_down, (at % wide).to(ACC) * step_right
    y0, x0 = y.to(tl.int32), x.to(tl.int32)
    down, right = (y - y0)[:, None], (x - x0)[:, None]
    y1, x1 = tl.minimum(y0 + 1, h - 1), tl.minimum(x0 + 1, w - 1)
    f = tl.arange(0, BB)
    ok = inside & (f < FB)[None, :]
    first = row * h * w
    upper = tl.load(below + (first + y0 * w + x0)[:, None] * FB + f[None, :], ok, 0).to(ACC) * (1 - right)
    upper += tl.load(below + (first + y0 * w + x1)[:, None] * FB + f[None, :], ok, 0).to(ACC) * right
    lower = tl.load(below + (first + y1 * w + x0)[:, None] * FB + f[None, :], ok, 0).to(ACC) * (1 - right)
    lower += tl.load(below + (first + y1 * w + x1)[:, None] * FB + f[None, :], ok, 0).to(ACC) * right
    place = (row * high * wide + at)[:, None]
    tl.store(joined + place * (FB + FS) + f[None, :], upper * (1 - down) + lower * down, ok)
    g = tl.arange(0, BS)
    own = inside & (g < FS)[None, :]
    tl.store(joined + place * (FB + FS) + FB + g[None, :], tl.load(skip + place * FS + g[None, :], own, 0), own)


@triton.jit(do_not_specialize=COUNTS)
def enlarge_gradient(
    d_joined, d_below, high, wide, step_down, step_right,
    FB: tl.constexpr, FS: tl.constexpr, BB: tl.constexpr, P: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """The gradient of the features from below. Each of their pixels was used by up to 4 x 4 enlarged pixels."""
    row = tl.program_id(1).to(tl.int64)
    h, w = high // 2, wide // 2
    at = tl.program_id(0) * P + tl.arange(0, P)
    f = tl.arange(0, BB)
    ok = (at < h * w)[:, None] & (f < FB)[None, :]
    i, j = at // w, at % w
    # The first enlarged pixel that is less than one pixel of `below` away.
    top = tl.where(i > 0, (i - 1) * (high - 1) // max(h - 1, 1) + 1, 0)
    left = tl.where(j > 0, (j - 1) * (wide - 1) // max(w - 1, 1) + 1, 0)
    found = tl.zeros([P, BB], ACC)
    for down in range(4):
        y = top + down
        in_row = 1 - tl.abs(y.to(ACC) * step_down - i.to(ACC))
        for right in range(4):
            x = left + right
            weight = in_row * (1 - tl.abs(x.to(ACC) * step_right - j.to(ACC)))
            near = (in_row > 0) & (weight > 0) & (y < high) & (x < wide)
            place = (row * high * wide + y * wide + x)[:, None] * (FB + FS) + f[None, :]
            found += tl.where(near, weight, 0)[:, None] * tl.load(d_joined + place, ok & near[:, None], 0).to(ACC)
    tl.store(d_below + (row * h * w + at)[:, None] * FB + f[None, :], found, ok)

// Bicubic resizing, bit for bit Pillow's Image.resize(size, Image.BICUBIC) on RGB8.
//
// Why exact: OCR models drift when the picture differs from the one their processor makes (spec 14,
// P3). The arithmetic is Pillow's 8-bit fixed point (Ref: Pillow src/libImaging/Resample.c): cubic
// a = -0.5, support 2*max(scale, 1), coefficients computed in double and rounded to 22 fractional
// bits, two passes with rounding to u8 after each, in Pillow 13's order. Integer sums are exact in
// any order, so every SIMD target and every thread count gives the same bytes.
#pragma once

#include "base/thread_pool.h"
#include "media/image.h"

namespace glmocr {

// `image` scaled to width_px x height_px (both >= 1; the image not empty). A pass over a dimension
// that keeps its size is skipped, as Pillow does. `pool` may be null: one thread.
Image ResizeBicubic(const Image& image, int width_px, int height_px, ThreadPool* pool = nullptr);

// torch's interpolation of uint8 pictures, bit for bit (mode bicubic, antialias false,
// align_corners false): four taps a = -0.75 around each sample point whatever the scale, so
// shrinking skips pixels, as OpenCV does; taps beyond the edge read the edge. Weights are int16
// with as many fractional bits as the largest one leaves, two passes with rounding to u8 after
// each, horizontal first. Arguments as above. Ref: torch
// aten/src/ATen/native/cpu/UpSampleKernel.cpp (HelperInterpBase).
Image InterpolateBicubic(const Image& image, int width_px, int height_px,
                         ThreadPool* pool = nullptr);

// The pixels of `box`, which must lie inside the image.
Image Crop(const Image& image, const Box& box);

}  // namespace glmocr

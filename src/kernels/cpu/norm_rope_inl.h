// The inner loops of norms, rotations and logit statistics over Lanes, for one
// norm_rope_<target>.cc to include (see lanes.h).
#pragma once

#include <limits>

#include "kernels/cpu/lanes.h"
#include "kernels/cpu/lanes_math.h"
#include "kernels/cpu/norm_rope.h"

namespace glmocr::cpu::lanes {
namespace {

GLM_INLINE float SquareRoot(float x) { return __builtin_sqrtf(x); }

// Adds term(x[i .. i + 16), number of valid lanes) into four sums in turn; their order is a
// function of n alone. Lanes beyond n are 0 in x.
template <typename Term>
GLM_INLINE float SumTerms(const float* x, int64_t n, Term term) {
  Lanes sum[4] = {Splat(0), Splat(0), Splat(0), Splat(0)};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) sum[j] = term(Load(x + i + j * kLanes), kLanes, sum[j]);
  }
  for (int j = 0; i < n; i += kLanes, ++j) sum[j] = term(LoadUpTo(x + i, n - i), n - i, sum[j]);
  return Sum(Add(Add(sum[0], sum[1]), Add(sum[2], sum[3])));
}

GLM_INLINE float InverseRms(const float* x, int64_t n, float eps) {
  const float squares = SumTerms(x, n, [](Lanes v, int64_t, Lanes sum) { return Fma(v, v, sum); });
  return 1.0f / SquareRoot(squares / static_cast<float>(n) + eps);
}

void RmsNormRows(const RmsNormArgs& args, int64_t begin, int64_t end) {
  const int64_t n = args.x.cols;
  for (int64_t r = begin; r < end; ++r) {
    const float* x = args.x.data + r * args.x.stride;
    float* out = args.out.data + r * args.out.stride;
    const Lanes scale = Splat(InverseRms(x, n, args.eps));
    const float* residual =
        args.residual.data == nullptr ? nullptr : args.residual.data + r * args.residual.stride;
    for (int64_t i = 0; i < n; i += kLanes) {
      Lanes y = Mul(Mul(LoadUpTo(x + i, n - i), scale), LoadUpTo(args.weight + i, n - i));
      if (residual != nullptr) y = Add(LoadUpTo(residual + i, n - i), y);
      StoreUpTo(out + i, n - i, y);
    }
  }
}

void LayerNormRows(const LayerNormArgs& args, int64_t begin, int64_t end) {
  const int64_t n = args.x.cols;
  for (int64_t r = begin; r < end; ++r) {
    const float* x = args.x.data + r * args.x.stride;
    float* out = args.out.data + r * args.out.stride;
    const float total = SumTerms(x, n, [](Lanes v, int64_t, Lanes sum) { return Add(v, sum); });
    const Lanes mean = Splat(total / static_cast<float>(n));
    const float squares = SumTerms(x, n, [mean](Lanes v, int64_t valid, Lanes sum) {
      const Lanes difference = KeepFirst(Sub(v, mean), valid, Splat(0));
      return Fma(difference, difference, sum);
    });
    const Lanes scale = Splat(1.0f / SquareRoot(squares / static_cast<float>(n) + args.eps));
    for (int64_t i = 0; i < n; i += kLanes) {
      const Lanes normed = Mul(Sub(LoadUpTo(x + i, n - i), mean), scale);
      const Lanes y = Fma(normed, LoadUpTo(args.weight + i, n - i), LoadUpTo(args.bias + i, n - i));
      StoreUpTo(out + i, n - i, args.activation == Activation::kGeluErf ? GeluErf(y) : y);
    }
  }
}

// kVectors x 16 channels of one window: the taps inside the picture, in order.
template <int kVectors>
GLM_INLINE void DepthwiseWindow(const DepthwiseConvArgs& args, int64_t y0, int64_t x0, int64_t c,
                                int64_t left, float* out) {
  const ConvWindows& w = args.windows;
  const int64_t channels = w.image.cols;
  const int64_t ky0 = y0 < 0 ? -y0 : 0, ky1 = w.height - y0 < w.kernel ? w.height - y0 : w.kernel;
  const int64_t kx0 = x0 < 0 ? -x0 : 0, kx1 = w.width - x0 < w.kernel ? w.width - x0 : w.kernel;
  Lanes sum[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) sum[v] = Splat(0);
  for (int64_t ky = ky0; ky < ky1; ++ky) {
    const float* pixel = w.image.data + ((y0 + ky) * w.width + x0 + kx0) * w.image.stride + c;
    const float* weight = args.weight + (ky * w.kernel + kx0) * channels + c;
    for (int64_t kx = kx0; kx < kx1; ++kx, pixel += w.image.stride, weight += channels) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        sum[v] = Fma(LoadUpTo(pixel + v * kLanes, left - v * kLanes),
                     LoadUpTo(weight + v * kLanes, left - v * kLanes), sum[v]);
      }
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    const int64_t n = left - v * kLanes;
    const Lanes y = Add(sum[v], LoadUpTo(args.bias + c + v * kLanes, n));
    StoreUpTo(out + c + v * kLanes, n, args.activation == Activation::kRelu ? Max(y, Splat(0)) : y);
  }
}

void DepthwiseConvWindows(const DepthwiseConvArgs& args, int64_t begin, int64_t end) {
  const ConvWindows& w = args.windows;
  const int64_t channels = w.image.cols;
  for (int64_t r = begin; r < end; ++r) {
    const int64_t y0 = r / w.out_width * w.stride - w.pad, x0 = r % w.out_width * w.stride - w.pad;
    float* out = args.y.data + r * args.y.stride;
    int64_t c = 0;
    for (; c + 4 * kLanes <= channels; c += 4 * kLanes)
      DepthwiseWindow<4>(args, y0, x0, c, 4 * kLanes, out);
    for (; c < channels; c += kLanes) DepthwiseWindow<1>(args, y0, x0, c, channels - c, out);
  }
}

void VisionRopeRows(const VisionRopeArgs& args, int64_t begin, int64_t end) {
  const int64_t d = args.head_dim, half = d / 2;
  const float* weight = args.norm_weight;
  for (int64_t r = begin; r < end; ++r) {
    const float* cos = args.cos.data + r * args.cos.stride;
    const float* sin = args.sin.data + r * args.sin.stride;
    float* row = args.x.data + r * args.x.stride;
    for (float* head = row; head < row + args.x.cols; head += d) {
      const Lanes scale = Splat(weight == nullptr ? 1.0f : InverseRms(head, d, args.eps));
      for (int64_t i = 0; i < half; i += kLanes) {
        const int64_t left = half - i;
        Lanes a = LoadUpTo(head + i, left), b = LoadUpTo(head + half + i, left);
        if (weight != nullptr) {
          a = Mul(Mul(a, scale), LoadUpTo(weight + i, left));
          b = Mul(Mul(b, scale), LoadUpTo(weight + half + i, left));
        }
        const Lanes c = LoadUpTo(cos + i, left), s = LoadUpTo(sin + i, left);
        StoreUpTo(head + i, left, Sub(Mul(a, c), Mul(b, s)));
        StoreUpTo(head + half + i, left, Add(Mul(b, c), Mul(a, s)));
      }
    }
  }
}

void TextRopeRows(const TextRopeArgs& args, int64_t begin, int64_t end) {
  const int64_t pairs = args.cos.cols;
  for (int64_t r = begin; r < end; ++r) {
    const float* cos = args.cos.data + r * args.cos.stride;
    const float* sin = args.sin.data + r * args.sin.stride;
    float* row = args.x.data + r * args.x.stride;
    for (float* head = row; head < row + args.x.cols; head += args.head_dim) {
      int64_t i = 0;
      for (; i + kLanes / 2 <= pairs; i += kLanes / 2) {
        const Lanes x = Load(head + 2 * i);
        const Lanes turned = Mul(NegateEven(SwapPairs(x)), LoadDoubled(sin + i));
        Store(head + 2 * i, Add(Mul(x, LoadDoubled(cos + i)), turned));
      }
      for (; i < pairs; ++i) {
        const float a = head[2 * i], b = head[2 * i + 1];
        head[2 * i] = a * cos[i] - b * sin[i];
        head[2 * i + 1] = b * cos[i] + a * sin[i];
      }
    }
  }
}

// Three passes; a row of logits fits the L2 cache.
LogitScan ScanLogits(const float* x, int64_t n) {
  const float lowest = -std::numeric_limits<float>::infinity();
  Lanes max[4] = {Splat(lowest), Splat(lowest), Splat(lowest), Splat(lowest)};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j)
      max[j] = Max(Load(x + i + j * kLanes), max[j]);  // NaN: keeps the second
  }
  for (; i < n; i += kLanes)
    max[0] = Max(KeepFirst(LoadUpTo(x + i, n - i), n - i, Splat(lowest)), max[0]);
  LogitScan scan = {Greatest(Max(Max(max[0], max[1]), Max(max[2], max[3]))), 0, 0};
  if (scan.max == lowest) return scan;

  const Lanes top = Splat(scan.max);
  i = 0;
  while (i + kLanes <= n && !AnyEqual(Load(x + i), top)) i += kLanes;
  while (x[i] != scan.max) ++i;
  scan.argmax = i;
  scan.sum_exp = SumTerms(x, n, [top](Lanes v, int64_t valid, Lanes sum) {
    return Add(KeepFirst(Exp(Sub(v, top)), valid, Splat(0)), sum);
  });
  return scan;
}

}  // namespace
}  // namespace glmocr::cpu::lanes

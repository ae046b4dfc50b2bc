// What decoding a picture in the worker process costs over decoding it here. Pixels are compared
// first.
//
//   picture_bench [FILE]    default: a PNG of 1,000 x 1,000 pixels
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "base/file.h"
#include "media/decode.h"
#include "media/encode.h"
#include "pdf/picture_document.h"

namespace glmocr {
namespace {

// Text-like: white with dark strokes, and paper's grain in the lowest bits.
std::string MakePng() {
  Image image(1000, 1000, 255);
  uint32_t random = 1;
  for (int y = 0; y < 1000; ++y) {
    for (int x = 0; x < 1000; ++x) {
      random = random * 1664525u + 1013904223u;
      const bool ink = y % 40 < 20 && (x / 7 * 31 + y / 9 * 17) % 5 < 2;
      const auto value = static_cast<uint8_t>((ink ? 20 : 250) + (random >> 30));
      std::fill_n(image.row(y) + size_t{3} * x, 3, value);
    }
  }
  auto png = EncodePng(image);
  return png.ok() ? *std::move(png) : std::string();
}

double MedianMs(const std::function<bool()>& work) {
  std::vector<double> times;
  for (int i = 0; i < 41; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (!work()) return -1;
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    times.push_back(took.count());
  }
  std::nth_element(times.begin(), times.begin() + 20, times.end());
  return times[20];
}

int Main(int argc, char** argv) {
  std::string bytes;
  if (argc > 1) {
    auto file = ReadFile(argv[1], size_t{1} << 30);
    if (!file.ok()) return std::fprintf(stderr, "%s\n", file.error().message.c_str()), 1;
    bytes = *std::move(file);
  } else {
    bytes = MakePng();
  }
  const auto data = std::as_bytes(std::span(bytes));
  const auto here = [&] { return DecodePage(data, "picture", 0); };
  const auto there = [&]() -> Result<Image> {
    GLM_ASSIGN(const auto picture, PictureDocument::Open(data, "picture", {}, {}));
    return picture->Read(0, -1);
  };
  const auto a = here();
  const auto b = there();
  if (!a.ok() || !b.ok() || a->rgb != b->rgb) {
    std::fprintf(stderr, "not equal: %s%s\n", a.ok() ? "" : a.error().message.c_str(),
                 b.ok() ? "" : b.error().message.c_str());
    return 1;
  }
  const double here_ms = MedianMs([&] { return here().ok(); });
  const double there_ms = MedianMs([&] { return there().ok(); });
  const auto open = PictureDocument::Open(data, "picture", {}, {});
  const double warm_ms = MedianMs([&] { return (*open)->Read(0, -1).ok(); });
  fmt::print(
      "{} x {}, {} bytes; medians of 41: here {:.1f} ms, in a new worker {:.1f} ms, in a "
      "worker that is open {:.1f} ms\n",
      a->width_px, a->height_px, bytes.size(), here_ms, there_ms, warm_ms);
  return 0;
}

}  // namespace
}  // namespace glmocr

int main(int argc, char** argv) { return glmocr::Main(argc, argv); }

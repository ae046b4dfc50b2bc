// Warnings are calibrated: pages that are read well have none, pages that cannot be read have one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "base/file.h"
#include "layout/geometric.h"
#include "media/decode.h"
#include "pdf/pdf_document.h"
#include "pipeline/page_reader.h"
#include "pipeline/page_warnings.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;
const fs::path kRoot = GLMOCR_SOURCE_DIR;

struct Page {
  std::string name;
  Image image;
};

Image ReadPicture(const fs::path& path) {
  const std::string bytes = ReadFile(path, size_t{1} << 28).value();
  return DecodeImages(std::as_bytes(std::span(bytes)), path.string()).value().at(0);
}

std::vector<Page> PdfPages(const fs::path& path, double dpi) {
  PdfOptions options;
  options.dpi = dpi;
  options.read_text = false;
  const auto pdf = PdfDocument::Open(path, options).value();
  std::vector<Page> out;
  for (int i = 0; i < pdf->n_pages(); ++i) {
    out.push_back({path.stem().string() + std::to_string(i + 1) + "@" +
                       std::to_string(static_cast<int>(dpi)),
                   pdf->Read(i).value().image});
  }
  return out;
}

Image Rows(const Image& page, int from, int to) {
  Image out(page.width_px, to - from);
  std::copy(page.row(from), page.row(from) + out.rgb.size(), out.rgb.begin());
  return out;
}

// The page in `n` parts, cut where there is no ink; parts without ink are left out.
std::vector<Page> Parts(const Page& page, int n) {
  const Image& image = page.image;
  std::vector<bool> blank(static_cast<size_t>(image.height_px));
  for (int y = 0; y < image.height_px; ++y) {
    const uint8_t* row = image.row(y);
    blank[static_cast<size_t>(y)] =
        *std::min_element(row, row + image.row_bytes()) > 150;
  }
  std::vector<Page> out;
  int from = 0;
  for (int i = 1; i <= n; ++i) {
    int to = i == n ? image.height_px : image.height_px * i / n;
    while (to < image.height_px && !blank[static_cast<size_t>(to)]) ++to;
    const auto begin = blank.begin() + from, end = blank.begin() + to;
    if (std::count(begin, end, false) > image.height_px / 100)
      out.push_back({page.name + "/" + std::to_string(i), Rows(image, from, to)});
    from = to;
  }
  return out;
}

Image Turned(const Image& image, int degrees) {
  const int w = image.width_px, h = image.height_px;
  Image out(degrees == 180 ? w : h, degrees == 180 ? h : w);
  for (int y = 0; y < out.height_px; ++y) {
    for (int x = 0; x < out.width_px; ++x) {
      const int sx = degrees == 90 ? y : degrees == 180 ? w - 1 - x : w - 1 - y;
      const int sy = degrees == 90 ? h - 1 - x : degrees == 180 ? h - 1 - y : x;
      std::copy_n(image.row(sy) + sx * 3, 3, out.row(y) + x * 3);
    }
  }
  return out;
}

// Dirt, grain, static and scribbles, with ink on them.
Image Noise(int kind, std::mt19937& random) {
  Image page(850, 600, 255);
  const auto uniform = [&](int from, int to) {
    return std::uniform_int_distribution<int>(from, to)(random);
  };
  const auto dot = [&](int x, int y, int w, int h, int level) {
    for (int v = std::max(0, y); v < std::min(page.height_px, y + h); ++v) {
      for (int u = std::max(0, x); u < std::min(page.width_px, x + w); ++u)
        std::fill_n(page.row(v) + u * 3, 3, static_cast<uint8_t>(level));
    }
  };
  const int n_dots = uniform(300, 3000);
  switch (kind) {
    case 0:  // specks
      for (int i = 0; i < n_dots; ++i)
        dot(uniform(0, 849), uniform(0, 599), uniform(1, 4), uniform(1, 4), uniform(0, 120));
      break;
    case 1:  // blots of the size of letters
      for (int i = 0; i < n_dots / 4; ++i)
        dot(uniform(0, 849), uniform(0, 599), uniform(3, 14), uniform(6, 18), uniform(0, 90));
      break;
    case 2:  // static
      for (uint8_t& v : page.rgb) v = static_cast<uint8_t>(uniform(0, 255));
      break;
    case 3:  // scribbles
      for (int i = 0; i < n_dots / 60; ++i) {
        double x = uniform(0, 849), y = uniform(0, 599), angle = uniform(0, 628) / 100.0;
        for (int k = 0; k < 80; ++k) {
          angle += uniform(-60, 60) / 100.0;
          x += 2 * std::cos(angle);
          y += 2 * std::sin(angle);
          dot(static_cast<int>(x), static_cast<int>(y), 2, 2, 30);
        }
      }
      break;
    default:  // small strokes in rows, as of a script that does not exist
      for (int y = 40; y < 560; y += 26) {
        for (int x = 50; x < 800; x += uniform(7, 16)) {
          for (int k = uniform(1, 4); k > 0; --k) {
            const bool down = uniform(0, 1) == 1;
            dot(x + uniform(0, 8), y + uniform(0, 10), down ? 2 : uniform(3, 9),
                down ? uniform(3, 14) : 2, 20);
          }
        }
      }
  }
  return page;
}

class Reading {
 public:
  Reading() : recognizer_(Recognizer::Load(kRoot / "models/starter", {}).value()) {}

  // Prints what was judged by, and returns how many pages had a warning that they are read badly.
  int Warned(const char* kind, const std::vector<Page>& pages, FILE* csv) {
    int warned = 0;
    for (const Page& page : pages) {
      PageReader reader(*recognizer_,
                        {.layout = Layout::kRegions,
                         .layout_engine = MakeGeometricLayout(),
                         .keep_tokens = false},
                        [&](const ReadPage& read) {
                          const TextSigns s = SignsOf(read);
                          warned += !read.warnings.empty();
                          std::fprintf(csv, "%s,%s,%ld,%ld,%.4f,%.4f", kind,
                                       page.name.c_str(), s.n_letters, s.n_tokens, s.confidence,
                                       s.weak);
                          for (const Warning& w : read.warnings)
                            std::fprintf(csv, ",%s", w.message.c_str());
                          std::fprintf(csv, "\n");
                        });
      const Status status = reader.Add(page.image, {page.name}, [] { return true; });
      if (!status.ok()) {
        std::fprintf(csv, "%s,%s,error\n", kind, page.name.c_str());
        ++warned;
        continue;
      }
      EXPECT_TRUE(reader.Finish([] { return true; }));
    }
    return warned;
  }

 private:
  std::unique_ptr<Recognizer> recognizer_;
};

std::vector<Page> Samples(std::initializer_list<int> resolutions) {
  std::vector<Page> out;
  for (const int dpi : resolutions) {
    for (const char* name : {"letter", "form", "invoice", "paper", "report", "skewed"}) {
      for (const Page& page : PdfPages(kRoot / "samples" / (std::string(name) + ".pdf"), dpi)) {
        for (Page& part : Parts(page, 4)) out.push_back(std::move(part));
      }
    }
  }
  for (const char* name : {"page.png", "article.png", "scan.png"})
    out.push_back({name, ReadPicture(kRoot / "samples" / name)});
  return out;
}

TEST(Warnings, Calibrated) {
  FILE* csv = std::fopen("/tmp/warn/dump.csv", "w");
  Reading reading;
  const std::vector<Page> clean = Samples({120, 200});
  std::vector<Page> turned, noise;
  for (size_t i = 0; i < clean.size(); ++i) {
    const int degrees = 90 * static_cast<int>(1 + i % 3);
    turned.push_back({clean[i].name + "^" + std::to_string(degrees),
                      Turned(clean[i].image, degrees)});
  }
  std::mt19937 random(7);
  for (int i = 0; i < 50; ++i)
    noise.push_back({"noise" + std::to_string(i % 5), Noise(i % 5, random)});
  std::vector<Page> foreign = PdfPages("/tmp/warn/gen/foreign.pdf", 130);
  for (Page& p : PdfPages("/tmp/warn/gen/foreign.pdf", 200)) foreign.push_back(std::move(p));
  std::printf("clean %d of %zu\n", reading.Warned("clean", clean, csv), clean.size());
  std::printf("foreign %d of %zu\n", reading.Warned("foreign", foreign, csv), foreign.size());
  std::printf("noise %d of %zu\n", reading.Warned("noise", noise, csv), noise.size());
  std::printf("turned %d of %zu\n", reading.Warned("turned", turned, csv), turned.size());
  std::fclose(csv);
}

}  // namespace
}  // namespace glmocr

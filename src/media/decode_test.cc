#include "media/decode.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/hash.h"

namespace glmocr {
namespace {

const std::string kDir = GLMOCR_SOURCE_DIR "/tests/golden/media/";

std::string Load(const std::string& file) {
  auto bytes = ReadFile(kDir + file, 1 << 24);
  return bytes.ok() ? *bytes : "";
}

std::span<const std::byte> Bytes(std::string_view s) {
  return std::as_bytes(std::span(s.data(), s.size()));
}

std::string Digest(const Image& image) {
  return HashBytes(image.rgb.data(), image.rgb.size()).Hex();
}

DecodeOptions OptionsOf(const nlohmann::json& c) {
  DecodeOptions o;
  o.alpha = c["alpha"] == "drop" ? AlphaMode::kDrop : AlphaMode::kCompositeOnWhite;
  o.orientation = c["orientation"] == "apply" ? OrientationMode::kApply : OrientationMode::kIgnore;
  o.gray16 = c["gray16"] == "clip" ? Gray16Mode::kClipLikePillow : Gray16Mode::kHighByte;
  return o;
}

TEST(Decode, EqualsPillow) {
  const auto root = nlohmann::json::parse(Load("decode.json"));
  int n_cases = 0;
  for (const auto& c : root["cases"]) {
    const std::string file = c["file"];
    SCOPED_TRACE(c.dump());
    const std::string bytes = Load(file);
    auto pages = DecodeImages(Bytes(bytes), file, OptionsOf(c));
    ASSERT_TRUE(pages.ok()) << pages.error().message;
    auto info = ReadImageInfo(Bytes(bytes), file);
    ASSERT_TRUE(info.ok()) << info.error().message;
    EXPECT_EQ(info->pages, static_cast<int>(pages->size()));
    ++n_cases;
    if (c.contains("reference")) {
      auto expected = DecodeImages(Bytes(Load(c["reference"])), c["reference"].get<std::string>());
      ASSERT_TRUE(expected.ok());
      ASSERT_EQ(pages->at(0).rgb.size(), expected->at(0).rgb.size());
      int worst = 0;
      for (size_t i = 0; i < pages->at(0).rgb.size(); ++i) {
        worst = std::max(worst, std::abs(pages->at(0).rgb[i] - expected->at(0).rgb[i]));
      }
      EXPECT_LE(worst, c["tolerance"]);  // levels; the generator gives the reason
      continue;
    }
    if (c["alpha"] == "drop") {
      ASSERT_EQ(pages->size(), c["pages"].size());
    }
    for (size_t i = 0; i < c["pages"].size(); ++i) {
      EXPECT_EQ(pages->at(i).width_px, c["pages"][i]["width"]);
      EXPECT_EQ(pages->at(i).height_px, c["pages"][i]["height"]);
      EXPECT_EQ(Digest(pages->at(i)), c["pages"][i]["hash"]) << "page " << i;
    }
  }
  EXPECT_GT(n_cases, 120);
}

TEST(Decode, ContainersOwnRotationIsApplied) {
  const std::string bytes = Load("avif_orientation6.avif");
  auto turned = DecodeImages(Bytes(bytes), "x");
  ASSERT_TRUE(turned.ok()) << turned.error().message;
  EXPECT_EQ(turned->at(0).width_px, 36);
  EXPECT_EQ(turned->at(0).height_px, 64);
}

TEST(Decode, InfoReadsOrientationAndPages) {
  for (int o = 1; o <= 8; ++o) {
    const std::string bytes = Load(fmt::format("jpeg_orientation{}.jpg", o));
    auto info = ReadImageInfo(Bytes(bytes), "x");
    ASSERT_TRUE(info.ok());
    EXPECT_EQ(info->orientation, o);
    EXPECT_EQ(info->width_px, 16);
    EXPECT_EQ(info->height_px, 9);
  }
  const std::string tiff = Load("tiff_pages3.tif");
  auto info = ReadImageInfo(Bytes(tiff), "x");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->pages, 3);
  EXPECT_EQ(DecodePage(Bytes(tiff), "x", 1)->height_px, 31);
  EXPECT_EQ(DecodePage(Bytes(tiff), "x", 3).error().code, ErrorCode::kInvalidArgument);
}

// A TIFF of pictures without pixels' worth: of each its size and NewSubfileType (or, with `old`,
// the tag that it replaced), one white strip.
std::string TiffOf(const std::vector<std::array<int, 3>>& pictures, bool old = false) {
  std::string out("II*\0", 4);
  const auto put = [&](uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * i);
  };
  put(8, 4);
  for (size_t p = 0; p < pictures.size(); ++p) {
    const auto& [width, height, type] = pictures[p];
    const auto entry = [&](int tag, int kind, uint32_t value) {
      put(static_cast<uint32_t>(tag), 2), put(static_cast<uint32_t>(kind), 2), put(1, 4);
      put(value, 4);
    };
    constexpr int kEntries = 8;
    const size_t data = out.size() + 2 + kEntries * 12 + 4;
    const auto n_bytes = static_cast<uint32_t>(width * height);
    put(kEntries, 2);
    entry(old ? 255 : 254, old ? 3 : 4, static_cast<uint32_t>(type));
    entry(256, 3, static_cast<uint32_t>(width));
    entry(257, 3, static_cast<uint32_t>(height));
    entry(258, 3, 8);  // bits
    entry(259, 3, 1);  // not compressed
    entry(262, 3, 1);  // black is zero
    entry(273, 4, static_cast<uint32_t>(data));
    entry(279, 4, n_bytes);
    put(p + 1 < pictures.size() ? static_cast<uint32_t>(data + n_bytes) : 0, 4);
    out.append(n_bytes, '\xff');
  }
  return out;
}

std::vector<int> Widths(const std::string& tiff) {
  std::vector<int> out;
  const auto pages = DecodeImages(Bytes(tiff), "x");
  EXPECT_TRUE(pages.ok()) << pages.error().message;
  for (const Image& page : *pages) out.push_back(page.width_px);
  EXPECT_EQ(ReadImageInfo(Bytes(tiff), "x")->pages, static_cast<int>(out.size()));
  EXPECT_EQ(ReadImageInfo(Bytes(tiff), "x")->width_px, out.at(0));
  return out;
}

TEST(Decode, ThumbnailsOfATiffAreNoPages) {
  using V = std::vector<int>;
  EXPECT_EQ(Widths(TiffOf({{8, 8, 1}, {80, 60, 0}})), V({80})) << "before its picture";
  EXPECT_EQ(Widths(TiffOf({{80, 60, 0}, {8, 8, 1}, {70, 60, 2}, {7, 6, 3}})), V({80, 70}));
  EXPECT_EQ(Widths(TiffOf({{8, 8, 2}, {80, 60, 1}}, true)), V({80})) << "the old tag";
  EXPECT_EQ(Widths(TiffOf({{80, 60, 0}, {80, 60, 4}})), V({80})) << "a transparency mask";
  // Nothing is lost where tags are wrong.
  EXPECT_EQ(Widths(TiffOf({{8, 8, 1}, {9, 9, 1}})), V({8, 9})) << "copies of nothing";
  EXPECT_EQ(Widths(TiffOf({{80, 60, 0}, {80, 60, 1}, {90, 9, 1}})), V({80, 80, 90}));
  const std::string tiff = TiffOf({{8, 8, 1}, {80, 60, 0}});
  EXPECT_EQ(DecodePage(Bytes(tiff), "x", 1).error().code, ErrorCode::kInvalidArgument);
  for (size_t n = 0; n < tiff.size(); n += 3) (void)ReadImageInfo(Bytes(tiff).first(n), "x");
}

int Frames(const std::string& bytes) {
  const auto info = ReadImageInfo(Bytes(bytes), "x");
  EXPECT_TRUE(info.ok()) << info.error().message;
  return info.ok() ? info->frames : 0;
}

TEST(Decode, FramesAreCounted) {
  for (const char* still : {"gif_plain.gif", "png_c2_d8.png", "jpeg_q75.jpg", "tiff_pages3.tif",
                            "heic.heic", "avif.avif"})
    EXPECT_EQ(Frames(Load(still)), 1) << still;
  EXPECT_EQ(Frames(Load("gif_animated.gif")), 2);
  EXPECT_EQ(Frames(Load("webp_animated.webp")), 2);
  // The still GIF's image twice: all from its first descriptor to the trailer.
  const std::string gif = Load("gif_plain.gif");
  ASSERT_EQ(gif.back(), ';');
  const size_t table = gif.size() > 10 && (gif[10] & 0x80) != 0 ? 3u << ((gif[10] & 7) + 1) : 0;
  const std::string body = gif.substr(13 + table, gif.size() - 14 - table);
  EXPECT_EQ(Frames(gif.substr(0, gif.size() - 1) + body + body + ";"), 3);
  EXPECT_EQ(Frames(gif.substr(0, gif.size() - 1) + body), 2) << "without a trailer";
  // An acTL chunk after a PNG's header; its checksum is not looked at by anyone who counts.
  std::string png = Load("png_c2_d8.png");
  png.insert(33, std::string("\0\0\0\x08"
                             "acTL"
                             "\0\0\0\x05"
                             "\0\0\0\0"
                             "\x4a\xd7\x3b\x1e",
                             20));
  EXPECT_EQ(Frames(png), 5);
  const std::string pgm = std::string("P5\n# a comment\n2 2\n255\n") + "abcd";
  EXPECT_EQ(Frames(pgm), 1);
  EXPECT_EQ(Frames(pgm + "\n"), 1);
  EXPECT_EQ(Frames(pgm + pgm), kManyFrames);
  std::string avif = Load("avif.avif");
  const size_t brand = avif.find("mif1");
  ASSERT_LT(brand, 64u);
  EXPECT_EQ(Frames(avif.replace(brand, 4, "avis")), kManyFrames);
}

TEST(Decode, EmptyAndForeignBytesAreNamed) {
  EXPECT_EQ(DecodeImages({}, "nothing.png").error().message,
            "'nothing.png': the file is empty (0 bytes)");
  auto text = DecodeImages(Bytes("Dear Sir or Madam, this is no picture"), "letter.txt");
  EXPECT_EQ(text.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(text.error().message.find("'letter.txt'"), std::string::npos);
}

TEST(Decode, FormatComesFromBytesNotName) {
  const std::string bytes = Load("jpeg_q75.jpg");
  auto info = ReadImageInfo(Bytes(bytes), "wrong.png");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->format, ImageFormat::kJpeg);
}

// One intact file of every format; each prefix has to be refused cleanly or, where the cut lost
// nothing, be the same.
const char* const kOfEachFormat[] = {"jpeg_q75.jpg",
                                     "jpeg_progressive.jpg",
                                     "png_c2_d8.png",
                                     "png_c6_d16_i.png",
                                     "webp_lossy.webp",
                                     "webp_rgba_lossless.webp",
                                     "tiff_rgb_tiff_lzw.tif",
                                     "tiff_rgb_planar.tif",
                                     "tiff_bilevel_group4.tif",
                                     "tiff_rgb_tiled.tif",
                                     "bmp_rgb24.bmp",
                                     "gif_interlaced.gif",
                                     "pnm_p6.ppm",
                                     "pnm_p3.ppm",
                                     "heic.heic",
                                     "avif.avif"};

TEST(Decode, TruncatedFilesAreErrors) {
  for (const char* file : kOfEachFormat) {
    SCOPED_TRACE(file);
    const std::string bytes = Load(file);
    auto whole = DecodeImages(Bytes(bytes), file);
    ASSERT_TRUE(whole.ok());
    int refused = 0, n = 0;
    for (size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 60, ++n) {
      const std::string part =
          bytes.substr(0, size);  // its own allocation, so that a sanitizer sees overruns
      auto got = DecodeImages(Bytes(part), file);
      refused += !got.ok();
      if (got.ok()) {
        EXPECT_EQ(Digest(got->at(0)), Digest(whole->at(0))) << "cut at " << size;
      }
    }
    EXPECT_GE(refused, n * 9 / 10);
  }
}

TEST(Decode, TruncatedCanBeAccepted) {
  DecodeOptions accept;
  accept.truncated = TruncatedMode::kAccept;
  for (const char* file :
       {"jpeg_q75.jpg", "png_c2_d8.png", "gif_plain.gif", "tiff_rgb_tiff_lzw.tif"}) {
    SCOPED_TRACE(file);
    std::string bytes = Load(file);
    auto whole = DecodeImages(Bytes(bytes), file);
    if (std::string_view(file).substr(0, 4) == "tiff") {
      bytes[bytes.size() / 2] ^= 0x55;  // a cut TIFF loses its directory; damage stands for it
    } else {
      bytes.resize(bytes.size() * 9 / 10);
    }
    auto part = DecodeImages(Bytes(bytes), file, accept);
    ASSERT_TRUE(part.ok()) << part.error().message;
    EXPECT_EQ(part->at(0).height_px, whole->at(0).height_px);
    EXPECT_TRUE(std::equal(part->at(0).rgb.begin(), part->at(0).rgb.begin() + 60,
                           whole->at(0).rgb.begin()));
  }
}

TEST(Decode, FlippedBytesNeverCrash) {
  uint64_t state = 12345;
  auto next = [&state] {
    return (state = state * 6364136223846793005ull + 1442695040888963407ull) >> 33;
  };
  DecodeOptions small;
  small.max_pixels = 100'000;
  for (const char* file : kOfEachFormat) {
    const std::string intact = Load(file);
    for (int round = 0; round < 40; ++round) {
      std::string bytes = intact;
      for (int k = 0; k < 3; ++k) bytes[next() % bytes.size()] = static_cast<char>(next());
      auto got = DecodeImages(Bytes(bytes), file, small);
      if (!got.ok()) {
        EXPECT_NE(got.error().message.find(file), std::string::npos);
      }
    }
  }
}

// Headers that promise 60,000 x 60,000 pixels in a few bytes. Nothing of that size may be
// allocated: the test itself would take 10 GB.
TEST(Decode, HugeHeadersAreRefusedBeforeAllocation) {
  std::string png = Load("png_c2_d8.png");
  const std::string side("\x00\x00\xea\x60", 4);
  png.replace(16, 4, side).replace(20, 4, side);
  png.replace(29, 4, "\x70\x5c\x5a\x9d", 4);  // CRC is checked after the size; any value
  std::string bmp = Load("bmp_rgb24.bmp");
  const std::string little("\x60\xea\x00\x00", 4);
  bmp.replace(18, 4, little).replace(22, 4, little);
  std::string gif = Load("gif_plain.gif");
  gif.replace(6, 4, "\x60\xea\x60\xea", 4);
  std::string jpeg = Load("jpeg_q75.jpg");
  const size_t sof = jpeg.find("\xff\xc0");
  ASSERT_NE(sof, std::string::npos);
  jpeg.replace(sof + 5, 4, "\xea\x60\xea\x60", 4);
  const std::string pnm = "P6 60000 60000 255\nabc";
  for (const std::string* bytes :
       std::initializer_list<const std::string*>{&png, &bmp, &gif, &jpeg, &pnm}) {
    auto got = DecodeImages(Bytes(*bytes), "bomb");
    ASSERT_FALSE(got.ok());
    if (bytes != &png) {  // libpng may find the wrong CRC first
      EXPECT_EQ(got.error().code, ErrorCode::kResourceExhausted) << got.error().message;
      EXPECT_NE(got.error().message.find("60000 x 60000"), std::string::npos);
    }
  }
}

TEST(Decode, LimitsAreKept) {
  const std::string tiff = Load("tiff_pages3.tif");
  DecodeOptions o;
  o.max_pages = 2;
  EXPECT_EQ(DecodeImages(Bytes(tiff), "x", o).error().code, ErrorCode::kResourceExhausted);
  o = {};
  o.max_total_pixels = 37 * 29 + 10;
  EXPECT_EQ(DecodeImages(Bytes(tiff), "x", o).error().code, ErrorCode::kResourceExhausted);
  o = {};
  o.max_encoded_bytes = 10;
  EXPECT_EQ(DecodeImages(Bytes(tiff), "x", o).error().code, ErrorCode::kResourceExhausted);
  for (const char* file : kOfEachFormat) {
    o = {};
    o.max_pixels = 100;
    EXPECT_EQ(DecodeImages(Bytes(Load(file)), file, o).error().code, ErrorCode::kResourceExhausted)
        << file;
    EXPECT_EQ(ReadImageInfo(Bytes(Load(file)), file, o).error().code, ErrorCode::kResourceExhausted)
        << file;
  }
}

TEST(Decode, LibrariesStaySilent) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  for (const char* file : kOfEachFormat) {
    std::string bytes = Load(file);
    for (size_t i = bytes.size() / 3; i < bytes.size(); i += 7) bytes[i] = static_cast<char>(i);
    (void)DecodeImages(Bytes(bytes), file);
    (void)DecodeImages(Bytes(bytes.substr(0, bytes.size() / 2)), file);
  }
  (void)DecodeImages(Bytes("P5 3 3 77\nabcdefghi"), "odd maximum");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace glmocr

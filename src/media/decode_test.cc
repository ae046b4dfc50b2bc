#include "media/decode.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
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

TEST(Decode, EmptyAndForeignBytesAreNamed) {
  EXPECT_EQ(DecodeImages({}, "nothing.png").error().message,
            "'nothing.png': the image file is empty (0 bytes)");
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

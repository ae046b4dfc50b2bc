#include "media/encode.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <span>
#include <string>

#include "media/decode.h"

namespace glmocr {
namespace {

Result<Image> Decode(const std::string& bytes) {
  return DecodePage(std::as_bytes(std::span(bytes)), "test", 0);
}

Image Gradient(int width, int height) {
  Image image(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.row(y)[x * 3] = static_cast<uint8_t>(x * 255 / width);
      image.row(y)[x * 3 + 1] = static_cast<uint8_t>(y * 255 / height);
      image.row(y)[x * 3 + 2] = 128;
    }
  }
  return image;
}

TEST(Encode, PngKeepsEveryPixel) {
  const Image image = Gradient(37, 23);
  const auto png = EncodePng(image);
  ASSERT_TRUE(png.ok()) << png.error().message;
  const auto back = Decode(*png);
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->width_px, 37);
  EXPECT_EQ(back->rgb, image.rgb);
}

TEST(Encode, JpegIsCloseAndSmallerAtLowerQuality) {
  const Image image = Gradient(64, 48);
  const auto fine = EncodeJpeg(image, 95), coarse = EncodeJpeg(image, 30);
  ASSERT_TRUE(fine.ok() && coarse.ok());
  EXPECT_LT(coarse->size(), fine->size());
  const auto back = Decode(*fine);
  ASSERT_TRUE(back.ok()) << back.error().message;
  ASSERT_EQ(back->rgb.size(), image.rgb.size());
  double sum = 0;
  for (size_t i = 0; i < image.rgb.size(); ++i) sum += std::abs(back->rgb[i] - image.rgb[i]);
  EXPECT_LT(sum / static_cast<double>(image.rgb.size()), 2);
}

TEST(Encode, JpegSaysItsResolution) {
  const auto jpeg = EncodeJpeg(Gradient(8, 8), 90, 200);
  ASSERT_TRUE(jpeg.ok());
  // JFIF: marker, length, "JFIF\0", version, then unit 1 (inch) and the two densities.
  EXPECT_EQ(jpeg->substr(13, 5), std::string("\x01\x00\xc8\x00\xc8", 5));
}

TEST(Encode, WhatCannotBeWrittenIsAnError) {
  EXPECT_FALSE(EncodePng(Image()).ok());
  EXPECT_FALSE(EncodeJpeg(Image(), 90).ok());
  const auto wide = EncodeJpeg(Image(65501, 1), 90);
  ASSERT_FALSE(wide.ok());
  EXPECT_NE(wide.error().message.find("65501 x 1"), std::string::npos);
}

}  // namespace
}  // namespace glmocr

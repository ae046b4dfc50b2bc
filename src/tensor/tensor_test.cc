#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tensor/buffer.h"
#include "tensor/packed_matrix.h"

namespace glmocr {
namespace {

TEST(DType, HalfPrecisionRoundTripsEveryValue) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto x = static_cast<uint16_t>(bits);
    const float f = F16ToF32(x), b = BF16ToF32(x);
    if (!std::isnan(f))
      EXPECT_EQ(F32ToF16(f), x);
    else
      EXPECT_TRUE(std::isnan(F16ToF32(F32ToF16(f))));
    if (!std::isnan(b))
      EXPECT_EQ(F32ToBF16(b), x);
    else
      EXPECT_TRUE(std::isnan(BF16ToF32(F32ToBF16(b))));
  }
}

TEST(DType, RoundsTiesToEven) {
  EXPECT_EQ(F32ToBF16(std::bit_cast<float>(0x3f808000u)), 0x3f80);  // halfway, even below
  EXPECT_EQ(F32ToBF16(std::bit_cast<float>(0x3f818000u)), 0x3f82);  // halfway, even above
  EXPECT_EQ(F32ToBF16(std::bit_cast<float>(0x3f808001u)), 0x3f81);
  EXPECT_EQ(F32ToF16(65519.0f), 0x7bff);
  EXPECT_EQ(F32ToF16(65520.0f), 0x7c00);
}

TEST(Shape, RefusesOverflow) {
  EXPECT_EQ((Shape{2, 3, 4}).CheckedCount(), 24);
  EXPECT_FALSE((Shape{int64_t{1} << 40, int64_t{1} << 40}).CheckedCount().has_value());
  EXPECT_FALSE((Shape{-1, 3}).CheckedCount().has_value());
  EXPECT_EQ((Shape{3, 14}).ToString(), "[3, 14]");
}

TEST(Buffer, AlignedAndFailsByResult) {
  for (const size_t size : {size_t{1}, size_t{100}, size_t{5} << 20}) {
    Buffer buffer = *Buffer::Allocate(size, "test");
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
    buffer.data()[size - 1] = std::byte{1};
  }
  const auto huge = Buffer::Allocate(SIZE_MAX / 4, "an absurd image");
  ASSERT_FALSE(huge.ok());
  EXPECT_NE(huge.error().message.find("an absurd image"), std::string::npos);
}

TEST(Matrix, RunningOutOfMemoryThrowsAndLeavesItEmpty) {
  Matrix m(2, 3);
  EXPECT_THROW(m.Resize(int64_t{1} << 30, int64_t{1} << 29), std::bad_alloc);
  EXPECT_EQ(m.rows() * m.cols(), 0);
  m.Resize(2, 3);
  m.row(1)[2] = 7;
  EXPECT_EQ(m.data()[5], 7);
}

class Packing : public testing::TestWithParam<std::tuple<WeightLayout, int64_t, int64_t>> {};

TEST_P(Packing, KeepsEveryElementAndZeroesThePadding) {
  const auto [layout, n, k] = GetParam();
  std::vector<bf16> values(static_cast<size_t>(n * k)), other(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = F32ToBF16(static_cast<float>(i) - 7),
    other[i] = F32ToBF16(static_cast<float>(i) * 3);
  const TensorView a{reinterpret_cast<const std::byte*>(values.data()), DType::kBF16, {n, k}};
  const TensorView b{reinterpret_cast<const std::byte*>(other.data()), DType::kBF16, {n, k}};
  ThreadPool pool(2);
  const PackedMatrix plain = *PackMatrix(a, layout, pool);
  const TensorView both[] = {a, b};
  const PackedMatrix stacked = *PackStacked(both, layout, pool);
  const PackedMatrix swiglu = *PackSwiGlu(a, b, layout, pool);
  EXPECT_EQ(swiglu.out_cols(), n);
  for (int64_t o = 0; o < n; ++o) {
    for (int64_t i = 0; i < k; ++i) {
      const float x = ElementAsFloat(a, o * k + i), y = ElementAsFloat(b, o * k + i);
      ASSERT_EQ(plain.At(o, i), x);
      ASSERT_EQ(stacked.At(o, i), x);
      ASSERT_EQ(stacked.At(n + o, i), y);
      ASSERT_EQ(swiglu.At(o, i), x);
      ASSERT_EQ(swiglu.At(n + o, i), y);
    }
  }
  for (int64_t o = n; o < plain.n_panels * kPanel; ++o) {
    for (int64_t i = 0; i < plain.k_padded; ++i) ASSERT_EQ(plain.At(o, i), 0.0f);
  }
  for (int64_t i = k; i < plain.k_padded; ++i) ASSERT_EQ(plain.At(0, i), 0.0f);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Packing,
    testing::Combine(testing::Values(WeightLayout::kF32Panel16, WeightLayout::kBF16Pairs16),
                     testing::Values(1, 15, 16, 17, 48, 70), testing::Values(1, 2, 7, 32, 65)));

}  // namespace
}  // namespace glmocr

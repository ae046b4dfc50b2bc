#include "tensor/dtype.h"

#include <array>
#include <cmath>

#include "base/check.h"

namespace glmocr {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  size_t bytes;
};
constexpr std::array<Row, 10> kRows = {{{DType::kF32, "F32", 4},
                                        {DType::kF16, "F16", 2},
                                        {DType::kBF16, "BF16", 2},
                                        {DType::kF64, "F64", 8},
                                        {DType::kI64, "I64", 8},
                                        {DType::kI32, "I32", 4},
                                        {DType::kI16, "I16", 2},
                                        {DType::kI8, "I8", 1},
                                        {DType::kU8, "U8", 1},
                                        {DType::kBool, "BOOL", 1}}};

}  // namespace

size_t DTypeBytes(DType dtype) {
  for (const Row& row : kRows) {
    if (row.dtype == dtype) return row.bytes;
  }
  GLM_CHECK(false);
}

std::string_view DTypeName(DType dtype) {
  for (const Row& row : kRows) {
    if (row.dtype == dtype) return row.name;
  }
  GLM_CHECK(false);
}

std::optional<DType> DTypeFromName(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

float F16ToF32(uint16_t x) {
  const int exponent = (x >> 10) & 0x1f;
  const int mantissa = x & 0x3ff;
  const uint32_t sign = static_cast<uint32_t>(x & 0x8000) << 16;
  if (exponent == 31)
    return std::bit_cast<float>(sign | 0x7f800000u | (static_cast<uint32_t>(mantissa) << 13));
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | (static_cast<uint32_t>(exponent + 112) << 23) |
                              (static_cast<uint32_t>(mantissa) << 13));
}

uint16_t F32ToF16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const float magnitude = std::fabs(x);
  if (std::isnan(x)) return sign | 0x7e00u;
  if (magnitude >= 65520.0f) return sign | 0x7c00u;  // rounds to infinity
  if (magnitude < 6.103515625e-05f) {  // subnormal: units of 2^-24, nearbyint rounds ties to even
    return sign | static_cast<uint16_t>(std::nearbyint(std::ldexp(magnitude, 24)));
  }
  const uint32_t m = bits & 0x7fffffffu;
  const uint32_t rounded = m + 0xfffu + ((m >> 13) & 1u);
  return sign | static_cast<uint16_t>((rounded >> 13) - (112u << 10));
}

}  // namespace glmocr

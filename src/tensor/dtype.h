// Element types of tensors, and the scalar conversions between them that every layer shares.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace glmocr {

enum class DType { kF32, kF16, kBF16, kF64, kI64, kI32, kI16, kI8, kU8, kBool };

size_t DTypeBytes(DType dtype);
// safetensors' spelling: "F32", "BF16", "I64", ...
std::string_view DTypeName(DType dtype);
std::optional<DType> DTypeFromName(std::string_view name);

// Upper 16 bits of an IEEE binary32, stored as its bits.
using bf16 = uint16_t;

inline float BF16ToF32(bf16 x) { return std::bit_cast<float>(static_cast<uint32_t>(x) << 16); }
// Round to nearest, ties to even; NaN stays NaN (quieted).
inline bf16 F32ToBF16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<bf16>((bits >> 16) | 0x40u);
  return static_cast<bf16>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
float F16ToF32(uint16_t x);
uint16_t F32ToF16(float x);  // round to nearest even

}  // namespace glmocr

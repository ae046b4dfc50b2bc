#include "tensor/shape.h"

#include "base/check.h"

namespace glmocr {

std::optional<int64_t> Shape::CheckedCount() const {
  int64_t count = 1;
  for (const int64_t dim : dims_) {
    if (dim < 0 || __builtin_mul_overflow(count, dim, &count)) return std::nullopt;
  }
  return count;
}

int64_t Shape::count() const {
  const std::optional<int64_t> count = CheckedCount();
  GLM_CHECK(count.has_value());
  return *count;
}

std::string Shape::ToString() const {
  std::string text = "[";
  for (size_t i = 0; i < dims_.size(); ++i) text += (i ? ", " : "") + std::to_string(dims_[i]);
  return text + "]";
}

}  // namespace glmocr

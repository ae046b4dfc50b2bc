// Shapes of at most 8 dimensions, row-major (PyTorch order), with checked element counts.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace glmocr {

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<int64_t> dims) : dims_(std::move(dims)) {}

  int rank() const { return static_cast<int>(dims_.size()); }
  int64_t operator[](int i) const { return dims_[static_cast<size_t>(i)]; }
  const std::vector<int64_t>& dims() const { return dims_; }
  // Product of the dimensions (1 for rank 0); nullopt when it is negative or overflows 63 bits.
  std::optional<int64_t> CheckedCount() const;
  // The same for shapes already validated.
  int64_t count() const;
  bool operator==(const Shape&) const = default;
  std::string ToString() const;  // "[3, 14, 14]"

 private:
  std::vector<int64_t> dims_;
};

}  // namespace glmocr

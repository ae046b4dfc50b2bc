// Owned memory and views of it. Buffer owns bytes (64-byte aligned, huge pages where large); Matrix
// owns a float matrix; MatrixView and TensorView never own. Row-major throughout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/check.h"
#include "base/result.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace glmocr {

// Uninitialised memory. Allocation of sizes that a user's input decides goes through Allocate,
// which can fail.
class Buffer {
 public:
  Buffer() = default;
  // kOutOfMemory, naming `what`, when the system has not that much memory.
  static Result<Buffer> Allocate(size_t size_bytes, std::string_view what);
  // The same, all bytes zero; large ones cost no time or resident memory until they are touched.
  static Result<Buffer> AllocateZeroed(size_t size_bytes, std::string_view what);
  // Scratch memory of a computation; throws std::bad_alloc, which the engine makes the error of the
  // request.
  explicit Buffer(size_t size_bytes);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  size_t size_bytes() const { return size_bytes_; }
  template <typename T>
  T* as() {
    return reinterpret_cast<T*>(data_);
  }
  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(data_);
  }

 private:
  bool TryAllocate(size_t size_bytes);
  std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
};

// rows x cols elements; row r starts at data + r * stride (elements, stride >= cols).
template <typename T>
struct MatrixView {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  MatrixView() = default;
  MatrixView(T* data_in, int64_t rows_in, int64_t cols_in)
      : MatrixView(data_in, rows_in, cols_in, cols_in) {}
  MatrixView(T* data_in, int64_t rows_in, int64_t cols_in, int64_t stride_in)
      : data(data_in), rows(rows_in), cols(cols_in), stride(stride_in) {}
  // A mutable view reads as a const one.
  operator MatrixView<const T>() const requires(!std::is_const_v<T>) {
    return {data, rows, cols, stride};
  }

  T* row(int64_t r) const { return data + r * stride; }
  MatrixView Rows(int64_t begin, int64_t count) const { return {row(begin), count, cols, stride}; }
  MatrixView Cols(int64_t begin, int64_t count) const {
    return {data + begin, rows, count, stride};
  }
};
using ConstMatrix = MatrixView<const float>;
using MutMatrix = MatrixView<float>;

// An owned float matrix that keeps its memory when it is resized, so that a step allocates nothing
// once warm.
class Matrix {
 public:
  Matrix() = default;
  Matrix(int64_t rows, int64_t cols) { Resize(rows, cols); }
  // Contents are undefined afterwards.
  void Resize(int64_t rows, int64_t cols);
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  float* row(int64_t r) { return data() + r * cols_; }
  const float* row(int64_t r) const { return data() + r * cols_; }
  float* data() { return buffer_.as<float>(); }
  const float* data() const { return buffer_.as<float>(); }
  MutMatrix view() { return {data(), rows_, cols_}; }
  ConstMatrix view() const { return {data(), rows_, cols_}; }
  operator MutMatrix() { return view(); }          // NOLINT(google-explicit-constructor)
  operator ConstMatrix() const { return view(); }  // NOLINT(google-explicit-constructor)

 private:
  Buffer buffer_;
  int64_t rows_ = 0;
  int64_t cols_ = 0;
};

// A type-erased, contiguous tensor, e.g. one of a checkpoint.
struct TensorView {
  const std::byte* data = nullptr;
  DType dtype = DType::kF32;
  Shape shape;

  size_t size_bytes() const { return static_cast<size_t>(shape.count()) * DTypeBytes(dtype); }
};

// Element i of a float-typed tensor (F32, F16, BF16) as float.
float ElementAsFloat(const TensorView& tensor, int64_t i);
// All elements [begin, begin + count) as float.
void CopyAsFloat(const TensorView& tensor, int64_t begin, int64_t count, float* out);

}  // namespace glmocr

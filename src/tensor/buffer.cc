#include "tensor/buffer.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cstring>
#include <new>
#include <utility>

namespace glmocr {
namespace {
// From this size on memory comes straight from the kernel, aligned to and advised for 2 MiB pages:
// a decode step walks all weights once, and 4 KiB pages would cost a TLB miss every 64 lines.
constexpr size_t kMapBytes = size_t{4} << 20;
constexpr size_t kHugeBytes = size_t{2} << 20;
size_t RoundUp(size_t n, size_t to) { return (n + to - 1) / to * to; }
}  // namespace

bool Buffer::TryAllocate(size_t size_bytes) {
  size_bytes_ = size_bytes;
  if (size_bytes == 0) return true;
  if (size_bytes > SIZE_MAX / 2) return false;
  if (size_bytes < kMapBytes) {
    data_ = static_cast<std::byte*>(std::aligned_alloc(64, RoundUp(size_bytes, 64)));
    return data_ != nullptr;
  }
  const size_t mapped = RoundUp(size_bytes, kHugeBytes);
  void* at = ::mmap(nullptr, mapped + kHugeBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return false;
  const auto begin = reinterpret_cast<uintptr_t>(at);
  const uintptr_t aligned = RoundUp(begin, kHugeBytes);
  if (aligned > begin) ::munmap(at, aligned - begin);
  if (aligned < begin + kHugeBytes)
    ::munmap(reinterpret_cast<void*>(aligned + mapped), begin + kHugeBytes - aligned);
  data_ = reinterpret_cast<std::byte*>(aligned);
  ::madvise(data_, mapped, MADV_HUGEPAGE);
  return true;
}

Result<Buffer> Buffer::Allocate(size_t size_bytes, std::string_view what) {
  Buffer buffer;
  if (!buffer.TryAllocate(size_bytes)) {
    buffer.size_bytes_ = 0;
    return Error{ErrorCode::kOutOfMemory,
                 fmt::format("out of memory: {} needs {} MiB (use a smaller model, image or "
                             "context, or free memory)",
                             what, (size_bytes >> 20) + 1)};
  }
  return buffer;
}

Result<Buffer> Buffer::AllocateZeroed(size_t size_bytes, std::string_view what) {
  GLM_ASSIGN(Buffer buffer, Allocate(size_bytes, what));
  if (size_bytes > 0 && size_bytes < kMapBytes)
    std::memset(buffer.data_, 0, size_bytes);  // fresh mappings are zero already
  return buffer;
}

Buffer::Buffer(size_t size_bytes) {
  if (!TryAllocate(size_bytes)) throw std::bad_alloc();
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_bytes_(std::exchange(other.size_bytes_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

Buffer::~Buffer() {
  if (data_ == nullptr) return;
  if (size_bytes_ < kMapBytes)
    std::free(data_);
  else
    ::munmap(data_, RoundUp(size_bytes_, kHugeBytes));
}

void Matrix::Resize(int64_t rows, int64_t cols) {
  GLM_CHECK(rows >= 0 && cols >= 0);
  const size_t need = static_cast<size_t>(rows) * static_cast<size_t>(cols) * sizeof(float);
  if (need > buffer_.size_bytes()) {
    rows_ = cols_ = 0;
    buffer_ = Buffer();
    buffer_ = Buffer(need);
  }
  rows_ = rows;
  cols_ = cols;
}

float ElementAsFloat(const TensorView& tensor, int64_t i) {
  float value;
  CopyAsFloat(tensor, i, 1, &value);
  return value;
}

void CopyAsFloat(const TensorView& tensor, int64_t begin, int64_t count, float* out) {
  const auto i0 = static_cast<size_t>(begin);
  const auto n = static_cast<size_t>(count);
  switch (tensor.dtype) {
    case DType::kF32:
      std::memcpy(out, tensor.data + i0 * 4, n * 4);
      return;
    case DType::kBF16:
    case DType::kF16: {
      // Checkpoints guarantee no alignment beyond their own padding: elements are copied out before
      // use.
      for (size_t i = 0; i < n; ++i) {
        uint16_t bits;
        std::memcpy(&bits, tensor.data + (i0 + i) * 2, 2);
        out[i] = tensor.dtype == DType::kBF16 ? BF16ToF32(bits) : F16ToF32(bits);
      }
      return;
    }
    default:
      GLM_CHECK(false);
  }
}

}  // namespace glmocr

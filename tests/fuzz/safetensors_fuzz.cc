// Any bytes as a safetensors file: no crash, and every tensor that is accepted lies inside the
// file.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "weights/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  const glmocr::Result<glmocr::SafetensorsHeader> header =
      glmocr::ParseSafetensorsHeader(file, "fuzz");
  if (!header.ok()) {
    GLM_CHECK(!header.error().message.empty());
    return 0;
  }
  unsigned sum = 0;
  uint64_t covered = 0;
  for (const glmocr::TensorInfo& tensor : header->tensors) {
    GLM_CHECK(tensor.size_bytes ==
              static_cast<uint64_t>(tensor.shape.count()) * glmocr::DTypeBytes(tensor.dtype));
    covered += tensor.size_bytes;
    for (uint64_t i = 0; i < tensor.size_bytes; ++i)
      sum += data[header->data_begin + tensor.begin + i];
  }
  GLM_CHECK(header->data_begin + covered == size);  // the format leaves no byte without a tensor
  volatile unsigned sink = sum;                     // keeps the reads
  (void)sink;
  return 0;
}

// A probe for named intermediates: `trace` records them, normal runs pass null. Names are those of
// the checkpoint's modules.
#pragma once

#include <string_view>

#include "tensor/buffer.h"

namespace glmocr {

class TensorObserver {
 public:
  virtual ~TensorObserver() = default;
  // `value` is valid during the call only.
  virtual void OnTensor(std::string_view name, ConstMatrix value) = 0;
};

inline void Observe(TensorObserver* observer, std::string_view name, ConstMatrix value) {
  if (observer != nullptr) observer->OnTensor(name, value);
}

}  // namespace glmocr

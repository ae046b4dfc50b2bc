// What the tests of single kernels share: a run of each test on every table of this machine.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/select.h"

namespace glmocr {

// A test with a kernel table as its parameter.
class KernelTableTest : public testing::TestWithParam<const KernelTable*> {
 protected:
  const KernelTable& table() const { return *GetParam(); }
};

// All tables that this machine can run, without the reference, which the others are compared with.
inline std::vector<const KernelTable*> TablesToTest() {
  std::vector<const KernelTable*> tables(RunnableKernels().begin(), RunnableKernels().end());
  std::erase(tables, &ReferenceKernels());
  return tables;
}

inline std::string TableName(const testing::TestParamInfo<const KernelTable*>& info) {
  return info.param->name;
}

}  // namespace glmocr

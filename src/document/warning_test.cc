#include "document/warning.h"

#include <gtest/gtest.h>

#include <set>

namespace glmocr {
namespace {

TEST(Warning, EveryKindHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(WarningKind::kOutput); ++i) {
    const auto kind = static_cast<WarningKind>(i);
    EXPECT_TRUE(names.insert(WarningKindName(kind)).second) << i;
    EXPECT_EQ(WarningKindFromName(WarningKindName(kind)), kind);
  }
}

}  // namespace
}  // namespace glmocr

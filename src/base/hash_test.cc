#include "base/hash.h"

#include <gtest/gtest.h>

namespace glmocr {
namespace {

TEST(Hash, DependsOnEveryByteAndOnOrder) {
  const Hash128 a = HashBytes("abc", 3), b = HashBytes("abd", 3);
  EXPECT_NE(a, b);
  EXPECT_EQ(a, HashBytes("abc", 3));
  EXPECT_NE(HashCombine(a, "abd", 3), HashCombine(b, "abc", 3));
  EXPECT_EQ(a.Hex().size(), 32u);
}

}  // namespace
}  // namespace glmocr

#include "weights/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weights/weight_scope.h"

namespace glmocr {
namespace {

TEST(StarterTest, Opens) {
  Result<Checkpoint> c = Checkpoint::Open(GLMOCR_SOURCE_DIR "/models/starter");
  ASSERT_TRUE(c.ok()) << c.error().message;
  EXPECT_EQ(c->tensors().size(), 124u);
  LoadReport report;
  WeightScope root(*c, report);
  EXPECT_NE(root.At("lm_head.weight", {1024, 256}).data, nullptr);
  report.Finish();
  EXPECT_EQ(report.unconsumed.size(), 123u);
  EXPECT_TRUE(report.ToStatus().ok());
}

}  // namespace
}  // namespace glmocr

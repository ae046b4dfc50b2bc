#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace glmocr {
namespace {

Result<int> Half(int x) {
  if (x % 2 != 0) return Error{ErrorCode::kInvalidArgument, "odd number"};
  return x / 2;
}

Result<std::unique_ptr<int>> Quarter(int x) {
  GLM_ASSIGN(int half, Half(x));
  GLM_ASSIGN(int quarter, Half(half));
  return std::make_unique<int>(quarter);
}

Status Both(int x) {
  GLM_RETURN_IF_ERROR(Half(x));
  return OkStatus();
}

TEST(Result, CarriesValuesAndErrors) {
  EXPECT_EQ(**Quarter(8), 2);
  EXPECT_EQ(Quarter(6).error().message, "odd number");
  EXPECT_EQ(Quarter(6).error().With("input 6").message, "input 6: odd number");
  EXPECT_TRUE(Both(2).ok());
  EXPECT_EQ(Both(3).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace glmocr

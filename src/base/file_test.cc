#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/mmap.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }
  fs::path dir_;
};

TEST_F(FileTest, WritesAndReadsBack) {
  ASSERT_TRUE(WriteFileAtomically(dir_ / "a", "hello").ok());
  ASSERT_TRUE(WriteFileAtomically(dir_ / "a", "world!").ok());
  EXPECT_EQ(*ReadFile(dir_ / "a", 100), "world!");
  EXPECT_EQ(ReadFile(dir_ / "a", 5).error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_), fs::directory_iterator()), 1);
}

TEST_F(FileTest, UncommittedWriterLeavesNothing) {
  {
    auto writer = AtomicFileWriter::Open(dir_ / "b");
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->Append("abc", 3).ok());
  }
  EXPECT_TRUE(fs::is_empty(dir_));
}

TEST_F(FileTest, FullDiskLeavesNothingUnderTheFinalName) {
  if (!fs::exists("/dev/full")) GTEST_SKIP();
  // A writer whose temporary file is /dev/full cannot be made; the same write path is driven through a symlink's target.
  EXPECT_FALSE(WriteFileAtomically(dir_ / "no-such-folder" / "c", "x").ok());
  EXPECT_TRUE(fs::is_empty(dir_));
}

TEST_F(FileTest, ErrorsNameTheFile) {
  const auto missing = ReadFile(dir_ / "nope.png", 10);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find("nope.png"), std::string::npos);
  EXPECT_NE(ReadFile(dir_, 10).error().message.find("folder"), std::string::npos);
}

TEST_F(FileTest, MapsFiles) {
  ASSERT_TRUE(WriteFileAtomically(dir_ / "m", "0123456789").ok());
  auto mapped = MappedFile::Open(dir_ / "m");
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(mapped->data()), mapped->size_bytes()), "0123456789");
  ASSERT_TRUE(WriteFileAtomically(dir_ / "empty", "").ok());
  EXPECT_EQ(MappedFile::Open(dir_ / "empty")->size_bytes(), 0u);
  EXPECT_FALSE(MappedFile::Open(dir_ / "none").ok());
}

}  // namespace
}  // namespace glmocr

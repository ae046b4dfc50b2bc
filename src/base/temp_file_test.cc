#include "base/temp_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <iterator>

namespace glmocr {
namespace {

namespace fs = std::filesystem;

TEST(TempFile, GivesBackWhatWasAppended) {
  const fs::path folder = fs::path(testing::TempDir()) / "temp_file_test";
  fs::create_directories(folder);
  TempFile file = TempFile::Create(folder).value();
  std::string all;
  for (int i = 0; i < 100; ++i) {
    const std::string part(static_cast<size_t>(i) * 997, static_cast<char>(i));
    ASSERT_TRUE(file.Append(part).ok());
    all += part;
  }
  EXPECT_TRUE(fs::is_empty(folder)) << "it has no name";
  EXPECT_EQ(file.size_bytes(), static_cast<int64_t>(all.size()));
  EXPECT_EQ(file.ReadAll().value(), all);
  EXPECT_TRUE(file.EndsWith(all.substr(all.size() - 5)));
  EXPECT_FALSE(file.EndsWith("x"));
  EXPECT_FALSE(file.EndsWith("x" + all));

  const fs::path copy = folder / "copy";
  AtomicFileWriter writer = AtomicFileWriter::Open(copy).value();
  ASSERT_TRUE(file.CopyTo(writer).ok());
  ASSERT_TRUE(writer.Commit().ok());
  EXPECT_EQ(ReadFile(copy, 1 << 24).value(), all);

  std::ifstream by_name(file.path(), std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(by_name), {}), all);
  TempFile moved = std::move(file);
  EXPECT_EQ(moved.ReadAll().value(), all);
  fs::remove_all(folder);
}

TEST(TempFile, ErrorsNameTheFolder) {
  const auto none = TempFile::Create("/no/such/folder");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ErrorCode::kIo);
  EXPECT_THAT(none.error().message, testing::HasSubstr("'/no/such/folder'"));

  TempFile file = TempFile::Create({}).value();
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small = {1 << 16, limit.rlim_max};
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status full = file.Append(std::string(1 << 20, 'x'));
  ::setrlimit(RLIMIT_FSIZE, &limit);
  (void)std::signal(SIGXFSZ, before);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, ErrorCode::kIo);
  EXPECT_THAT(full.error().message, testing::HasSubstr("File too large"));
}

}  // namespace
}  // namespace glmocr

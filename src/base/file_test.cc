#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "base/mmap.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           testing::UnitTest::GetInstance()->current_test_info()->name();
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

// While alive, no file of this process grows beyond `bytes`: write() comes up short there and then
// fails with EFBIG, as it does with ENOSPC on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &old_), 0);
    old_handler_ = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, old_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int) = nullptr;
};

TEST_F(FileTest, FullDiskLeavesWhatWasThere) {
  ASSERT_TRUE(WriteFileAtomically(dir_ / "c", "before").ok());
  const std::string big(100'000, 'x');
  {
    const FileSizeLimit limit(4096);
    const Status written = WriteFileAtomically(dir_ / "c", big);
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.error().code, ErrorCode::kIo);
    EXPECT_NE(written.error().message.find((dir_ / "c").string()), std::string::npos)
        << written.error().message;
    EXPECT_FALSE(WriteFileAtomically(dir_ / "d", big).ok());
  }
  EXPECT_EQ(*ReadFile(dir_ / "c", 100), "before");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_), fs::directory_iterator()),
            1);                                            // no "d", no temporary file
  ASSERT_TRUE(WriteFileAtomically(dir_ / "c", big).ok());  // it was the limit
  EXPECT_EQ(ReadFile(dir_ / "c", 200'000)->size(), big.size());
}

TEST_F(FileTest, MissingFolderIsAnError) {
  EXPECT_EQ(WriteFileAtomically(dir_ / "no-such-folder" / "c", "x").error().code,
            ErrorCode::kNotFound);
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
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(mapped->data()), mapped->size_bytes()),
            "0123456789");
  ASSERT_TRUE(WriteFileAtomically(dir_ / "empty", "").ok());
  EXPECT_EQ(MappedFile::Open(dir_ / "empty")->size_bytes(), 0u);
  EXPECT_FALSE(MappedFile::Open(dir_ / "none").ok());
}

TEST_F(FileTest, MappedModelThatIsCutShortReadsZerosAndTells) {
  // Cut short while it is mapped, and read by several threads.
  ASSERT_TRUE(WriteFileAtomically(dir_ / "cut", std::string(1 << 16, 'x')).ok());
  auto cut = MappedFile::Open(dir_ / "cut");
  ASSERT_TRUE(cut.ok());
  cut->Guard(dir_ / "cut");
  const MappedFile moved = *std::move(cut);
  EXPECT_EQ(moved.data()[40000], std::byte{'x'});
  EXPECT_FALSE(moved.damaged());
  std::filesystem::resize_file(dir_ / "cut", 5000);
  std::vector<std::thread> threads;
  std::atomic<int> zeros = 0;
  for (size_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (size_t at = 8192 + t; at < moved.size_bytes(); at += 8)
        zeros += moved.data()[at] == std::byte{0} ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(zeros, (1 << 16) - 8192);
  EXPECT_TRUE(moved.damaged());
  EXPECT_EQ(moved.data()[4999], std::byte{'x'});
}

TEST_F(FileTest, FolderStateChangesWithItsFiles) {
  ASSERT_TRUE(WriteFileAtomically(dir_ / "a", "hello").ok());
  fs::create_directory(dir_ / "b");
  const std::string state = FolderState(dir_);
  EXPECT_EQ(state.size(), 32U);
  EXPECT_EQ(FolderState(dir_), state);
  fs::last_write_time(dir_ / "b", fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_EQ(FolderState(dir_), state) << "folders do not count";
  const auto time = fs::last_write_time(dir_ / "a");
  ASSERT_TRUE(WriteFileAtomically(dir_ / "a", "hullo").ok());
  fs::last_write_time(dir_ / "a", time);
  const std::string touched = FolderState(dir_);
  EXPECT_NE(touched, state) << "other bytes of the same size and time";
  fs::rename(dir_ / "a", dir_ / "c");
  EXPECT_NE(FolderState(dir_), touched);
  EXPECT_EQ(FolderState(dir_ / "b"), FolderState(dir_ / "missing"));
}

}  // namespace
}  // namespace glmocr

#include "jobs/journal.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/file.h"

namespace glmocr {
namespace {

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    std::string name = testing::TempDir() + "journalXXXXXX";
    dir_ = ::mkdtemp(name.data());
  }
  ~JournalTest() override { std::filesystem::remove_all(dir_); }

  Journal Open() {
    auto journal = Journal::Open(dir_);
    EXPECT_TRUE(journal.ok()) << journal.error().message;
    return std::move(*journal);
  }
  void Touch(const std::string& name) { EXPECT_TRUE(WriteFileAtomically(dir_ / name, "x").ok()); }

  std::filesystem::path dir_;
};

JournalEntry Done() {
  return {.input = "in/a.pdf",
          .folder = "a",
          .hash = "11",
          .options = "22",
          .pages = 3,
          .files = {"a.md"},
          .seconds = 1.5};
}

TEST_F(JournalTest, KnowsWhatIsDoneAfterReopening) {
  Touch("a.md");
  ASSERT_TRUE(Open().Append(Done()).ok());
  const Journal journal = Open();
  EXPECT_TRUE(journal.IsDone("a", "11", "22"));
  EXPECT_FALSE(journal.IsDone("a", "12", "22")) << "other bytes";
  EXPECT_FALSE(journal.IsDone("a", "11", "23")) << "other options";
  EXPECT_FALSE(journal.IsDone("b", "11", "22")) << "another folder";
  std::filesystem::remove(dir_ / "a.md");
  EXPECT_FALSE(journal.IsDone("a", "11", "22")) << "its file is gone";
}

TEST_F(JournalTest, TheLastEntryCounts) {
  Touch("a.md");
  JournalEntry failed = Done();
  failed.error = "it was truncated";
  JournalEntry partial = Done();
  partial.failed_pages = {{2, "it was black"}};
  ASSERT_TRUE(Open().Append(failed).ok());
  EXPECT_FALSE(Open().IsDone("a", "11", "22"));
  ASSERT_TRUE(Open().Append(Done()).ok());
  EXPECT_TRUE(Open().IsDone("a", "11", "22"));
  ASSERT_TRUE(Open().Append(partial).ok());
  EXPECT_FALSE(Open().IsDone("a", "11", "22"));
}

TEST_F(JournalTest, SurvivesTornAndForeignLines) {
  Touch("a.md");
  const std::string line = Done().ToJson();
  ASSERT_TRUE(WriteFileAtomically(dir_ / "journal.jsonl",
                                  "nonsense\n[]\n{}\n" + line + "\n" + line.substr(0, 20))
                  .ok());
  JournalEntry other = Done();
  other.folder = "b";
  EXPECT_EQ(Open().n_ignored(), 4) << "torn ones too";
  ASSERT_TRUE(Open().Append(other).ok()) << "goes onto a line of its own";
  EXPECT_TRUE(Open().IsDone("a", "11", "22"));
  EXPECT_TRUE(Open().IsDone("b", "11", "22"));
}

TEST_F(JournalTest, KeepsWarnings) {
  JournalEntry entry = Done();
  entry.warnings = {{WarningKind::kLowConfidence, 2, "confidence 0.48"},
                    {WarningKind::kPagesMissing, 0, "there is no page 9"}};
  const auto again = JournalEntry::FromJson(entry.ToJson());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->warnings, entry.warnings);
  EXPECT_EQ(again->pages, 3);
}

TEST_F(JournalTest, LeavesANewerOneAsItIs) {
  const std::string text = Done().ToJson() + "\n" +
                           R"({"schema":"glm-ocr.journal/3","status":"done","folder":"a"})" +
                           "\n{\"torn";
  ASSERT_TRUE(WriteFileAtomically(dir_ / "journal.jsonl", text).ok());
  const auto journal = Journal::Open(dir_);
  ASSERT_FALSE(journal.ok());
  EXPECT_EQ(journal.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(ReadFile(dir_ / "journal.jsonl", 1 << 20).value(), text);
}

TEST_F(JournalTest, OneRunAtATime) {
  {
    const Journal first = Open();
    const auto second = Journal::Open(dir_);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  }
  Open();
}

TEST_F(JournalTest, SeesThatItWasRemoved) {
  Journal journal = Open();
  ASSERT_TRUE(journal.Append(Done()).ok());
  std::filesystem::remove(dir_ / "journal.jsonl");
  EXPECT_FALSE(journal.Append(Done()).ok());
  ASSERT_TRUE(WriteFileAtomically(dir_ / "journal.jsonl", "").ok());
  const Status replaced = journal.Append(Done());
  ASSERT_FALSE(replaced.ok()) << "another file";
  EXPECT_EQ(replaced.error().code, ErrorCode::kNotFound);
  EXPECT_NE(replaced.error().message.find("the input is done"), std::string::npos);
  JournalEntry failed = Done();
  failed.error = "it is damaged";
  EXPECT_EQ(journal.Append(failed).error().message.find("the input is done"), std::string::npos);
}

TEST_F(JournalTest, NamesTheFileThatCannotBeWritten) {
  const auto journal = Journal::Open(dir_ / "missing");
  ASSERT_FALSE(journal.ok());
  EXPECT_NE(journal.error().message.find("journal.jsonl"), std::string::npos);
}

}  // namespace
}  // namespace glmocr

#include "jobs/output_names.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>

#include "base/file.h"
#include "tokenizer/stream_decoder.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;

class OutputNamesTest : public testing::Test {
 protected:
  OutputNamesTest() {
    std::string name = testing::TempDir() + "namesXXXXXX";
    dir_ = ::mkdtemp(name.data());
    fs::create_directory(out());
  }
  ~OutputNamesTest() override { fs::remove_all(dir_); }
  fs::path out() const { return dir_ / "out"; }

  // One run: the folder of each input; what was "written" is journaled.
  std::vector<std::string> Run(const std::vector<DocumentInput>& inputs,
                               OutputNames::Existing existing = OutputNames::Existing::kKeep) {
    Journal journal = *Journal::Open(out());
    OutputNames names(out(), journal, existing);
    std::vector<std::string> folders;
    for (const DocumentInput& input : inputs) {
      const auto name = names.Take(input, Hash128{1, 2});
      fs::create_directories(out() / name.folder);
      EXPECT_TRUE(WriteFileAtomically(out() / name.folder / "x.md", input.name).ok());
      EXPECT_TRUE(
          journal.Append({.input = input.name, .key = name.key, .folder = name.folder}).ok());
      folders.push_back(name.folder);
    }
    return folders;
  }
  using Names = std::vector<std::string>;

  fs::path dir_;
};

TEST_F(OutputNamesTest, NumbersMeetNoOtherName) {
  const std::vector<DocumentInput> inputs = {
      {.name = "x/a.pdf"}, {.name = "x/a-2.pdf"}, {.name = "y/a.pdf"}, {.name = "z/a.pdf"}};
  const Names want = {"a", "a-2", "a-3", "a-4"};
  EXPECT_EQ(Run(inputs), want);
  EXPECT_EQ(Run(inputs), want) << "and again the same";
  EXPECT_EQ(Run({inputs[2]}), Names{"a-3"}) << "also alone";
  EXPECT_EQ(Run({inputs[3], inputs[0]}), (Names{"a-4", "a"}));
  EXPECT_EQ(Run({{.name = "w/a.pdf"}}), Names{"a-5"});
}

TEST_F(OutputNamesTest, FoldersAreMirrored) {
  EXPECT_EQ(Run({{.name = "in/letter.pdf"},
                 {.name = "in/sub/letter.pdf", .subfolder = "sub"},
                 {.name = "in/sub/b/c/letter.png", .subfolder = "sub/b/c"}}),
            (Names{"letter", "sub/letter", "sub/b/c/letter"}));
}

// in/a.pdf writes a/imgs and a/a.md; in/a/imgs.pdf would write into the one, in/a/a.md.pdf over the
// other.
TEST_F(OutputNamesTest, DocumentsWithinFoldersOfDocuments) {
  const Names folders = Run({{.name = "in/a/imgs.pdf", .subfolder = "a"},
                             {.name = "in/a/a.md.pdf", .subfolder = "a"},
                             {.name = "in/a/b.pdf", .subfolder = "a"},
                             {.name = "in/a.pdf"},
                             {.name = "in2/a/imgs.pdf", .subfolder = "a"}});
  EXPECT_EQ(folders, (Names{"a/imgs", "a/a.md", "a/b", "a-2", "a/imgs-2"}));
}

TEST_F(OutputNamesTest, FilesOfOthersStay) {
  fs::create_directory(out() / "mine");
  ASSERT_TRUE(WriteFileAtomically(out() / "mine" / "mine.md", "my own").ok());
  ASSERT_TRUE(WriteFileAtomically(out() / "file", "my own").ok());
  fs::create_directory(out() / "empty");
  fs::create_symlink("nowhere", out() / "link");
  EXPECT_EQ(Run({{.name = "mine.pdf"},
                 {.name = "file.pdf"},
                 {.name = "empty.pdf"},
                 {.name = "link.pdf"},
                 {.name = "in/file/z.pdf", .subfolder = "file"}}),
            (Names{"mine-2", "file-2", "empty", "link-2", "file-2/z"}));
  EXPECT_EQ(Run({{.name = "q/mine.pdf"}, {.name = "q/file.pdf"}}, OutputNames::Existing::kReplace),
            (Names{"mine", "file-2"}))
      << "only folders are replaced";
}

TEST_F(OutputNamesTest, TheRunsOwnFilesAreNoFolders) {
  EXPECT_EQ(Run({{.name = "journal.jsonl.pdf"}, {.name = ".glm-ocr.pdf"}}),
            (Names{"journal.jsonl-2", ".glm-ocr-2"}));
}

TEST_F(OutputNamesTest, LongNamesAreCutAndStayDistinct) {
  std::string chinese;
  for (int i = 0; i < 81; ++i) chinese += "\xE9\xA1\xB5";
  const std::string ascii(250, 'a');
  const Names folders = Run({{.name = chinese + ".png"},
                             {.name = chinese + "x.png"},
                             {.name = ascii + ".png"},
                             {.name = "in/" + ascii + "/" + ascii + ".png", .subfolder = ascii}});
  for (const std::string& folder : folders) {
    const std::string leaf = fs::path(folder).filename().string();
    EXPECT_LE(leaf.size() + std::string("_document.json").size(), 255u);
    EXPECT_EQ(RepairUtf8(folder), folder) << "cut inside of a character";
  }
  EXPECT_NE(folders[0], folders[1]);
  EXPECT_EQ(Run({{.name = chinese + "x.png"}}), Names{folders[1]});
}

TEST_F(OutputNamesTest, BytesThatAreNotUtf8) {
  const std::vector<DocumentInput> inputs = {{.name = "a\xff.pdf"}, {.name = "a\xfe.pdf"}};
  const Names first = Run(inputs);
  EXPECT_NE(first[0], first[1]);
  EXPECT_EQ(Run({inputs[1], inputs[0]}), (Names{first[1], first[0]}));
}

// A run that was killed has journaled nothing.
TEST_F(OutputNamesTest, ClaimsTellWhoseAnUnfinishedFolderIs) {
  const DocumentInput a = {.name = "x/a.pdf"}, other = {.name = "y/a.pdf"};
  const auto leave_unfinished = [&] {
    const Journal journal = *Journal::Open(out());
    OutputNames names(out(), journal, OutputNames::Existing::kKeep);
    const auto name = names.Take(a, std::nullopt);
    ASSERT_TRUE(names.Claim(name.folder, name.key, a.name).ok());
    fs::create_directories(out() / name.folder / "imgs");
    ASSERT_TRUE(WriteFileAtomically(out() / name.folder / "imgs" / "1.jpg", "x").ok());
  };
  leave_unfinished();
  const Journal journal = *Journal::Open(out());
  OutputNames names(out(), journal, OutputNames::Existing::kKeep);
  EXPECT_EQ(names.Take(other, std::nullopt).folder, "a-2");
  EXPECT_EQ(names.Take(a, std::nullopt).folder, "a");
  names.Release("a");
  EXPECT_FALSE(fs::exists(out() / OutputNames::kHidden));
}

TEST_F(OutputNamesTest, StandardInputIsKnownByItsContent) {
  const Journal journal = *Journal::Open(out());
  const DocumentInput input = {.name = "-"};
  EXPECT_NE(OutputNames::KeyOf(input, Hash128{1, 2}), OutputNames::KeyOf(input, Hash128{1, 3}));
  EXPECT_EQ(OutputNames::KeyOf({.name = "./a/../b.pdf"}, {}),
            OutputNames::KeyOf({.name = fs::absolute("b.pdf").string()}, Hash128{1, 2}));
}

// An archive that was moved is the same archive; a copy beside it is not.
TEST_F(OutputNamesTest, MovedFilesKeepTheirFolder) {
  const fs::path from = dir_ / "a.pdf", to = dir_ / "sub" / "a.pdf";
  fs::create_directory(dir_ / "sub");
  ASSERT_TRUE(WriteFileAtomically(from, "%PDF-1.4 x").ok());
  {
    Journal journal = *Journal::Open(out());
    OutputNames names(out(), journal, OutputNames::Existing::kKeep);
    const auto name = names.Take({.name = from.string()}, std::nullopt);
    fs::create_directories(out() / name.folder);
    ASSERT_TRUE(WriteFileAtomically(out() / name.folder / "a.md", "x").ok());
    ASSERT_TRUE(journal
                    .Append({.input = from.string(),
                             .key = name.key,
                             .folder = name.folder,
                             .hash = HashDocumentFile(from.string()).value().Hex()})
                    .ok());
  }
  const auto folder_of = [&](const fs::path& file) {
    const Journal journal = *Journal::Open(out());
    return OutputNames(out(), journal, OutputNames::Existing::kKeep)
        .Take({.name = file.string()}, std::nullopt)
        .folder;
  };
  fs::copy_file(from, to);
  EXPECT_EQ(folder_of(to), "a-2");
  fs::remove(from);
  EXPECT_EQ(folder_of(to), "a");
  ASSERT_TRUE(WriteFileAtomically(to, "%PDF-1.4 y").ok());
  EXPECT_EQ(folder_of(to), "a-2") << "another content";
}

}  // namespace
}  // namespace glmocr

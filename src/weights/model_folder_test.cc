#include "weights/model_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "weights/checkpoint.h"
#include "weights/test_files.h"

namespace glmocr {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* kPointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:4665\nsize 2650579464\n";

class ModelFolderTest : public testing::Test {
 protected:
  void Write(const std::string& name, std::string_view text = "{}") {
    fs::create_directories((folder_ / name).parent_path());
    ASSERT_TRUE(WriteFileAtomically(folder_ / name, text).ok());
  }
  // What is wrong with the folder, or with a path below it.
  std::string Said(const std::string& below = "") {
    const Status status = CheckModelFolder(below.empty() ? folder_.path() : folder_ / below);
    return status.ok() ? "" : status.error().message;
  }
  // Of each test its own: they run beside each other.
  TempFolder folder_{testing::TempDir() + "model_folder_test_" +
                     testing::UnitTest::GetInstance()->current_test_info()->name()};
};

TEST_F(ModelFolderTest, AModelsFolderPasses) {
  Write("config.json");
  Write("model.safetensors");
  EXPECT_EQ(Said(), "");
}

TEST_F(ModelFolderTest, AHubsNameIsNotAFolder) {
  const Status status = CheckModelFolder("zai-org/GLM-OCR");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(status.error().message,
              HasSubstr("hf download zai-org/GLM-OCR --local-dir GLM-OCR, then --model GLM-OCR"));
  for (const char* path : {"nowhere", "/no/where", "../no/where", "./nowhere", "a b/c"}) {
    const Status other = CheckModelFolder(path);
    ASSERT_FALSE(other.ok()) << path;
    EXPECT_THAT(other.error().message, HasSubstr("does not exist")) << path;
  }
}

TEST_F(ModelFolderTest, FilesAreNamedByWhatTheyAre) {
  Write("glm-ocr.gguf", std::string_view("GGUF\3\0\0\0", 8));
  EXPECT_THAT(Said("glm-ocr.gguf"), HasSubstr("is a GGUF file"));
  Write("config.json");
  EXPECT_THAT(Said("config.json"), HasSubstr("is not a directory"));
}

TEST_F(ModelFolderTest, OtherFormatsAreNamed) {
  Write("glm-ocr-Q4_K_M.gguf", "GGUF");
  EXPECT_THAT(Said(), HasSubstr("holds a GGUF file ('glm-ocr-Q4_K_M.gguf')"));
  Write("config.json");
  EXPECT_THAT(Said(), HasSubstr("holds a GGUF file"));
  fs::remove(folder_ / "glm-ocr-Q4_K_M.gguf");
  Write("pytorch_model-00001-of-00002.bin");
  EXPECT_THAT(Said(), HasSubstr("holds PyTorch weights"));
  Write("model.safetensors.index.json");  // a repository may hold both
  EXPECT_EQ(Said(), "");
}

TEST_F(ModelFolderTest, ACachesFolderLeadsToItsSnapshot) {
  Write("refs/main", "abc");
  fs::create_directories(folder_ / "snapshots/abc");
  EXPECT_THAT(Said(), HasSubstr("without a whole model"));
  Write("snapshots/def/config.json");
  EXPECT_THAT(Said(), HasSubstr("snapshots/def'"));
}

TEST_F(ModelFolderTest, PlaceholdersOfGitLfs) {
  Write("config.json", kPointer);
  Write("model.safetensors", kPointer);
  EXPECT_THAT(Said(), HasSubstr("git lfs pull"));
  // Small files are in the repository itself.
  Write("config.json");
  EXPECT_EQ(Said(), "");
  const auto opened = Checkpoint::Open(folder_.path());
  ASSERT_FALSE(opened.ok());
  EXPECT_THAT(opened.error().message, HasSubstr("git lfs pull"));
}

TEST_F(ModelFolderTest, AnEmptyFolder) { EXPECT_THAT(Said(), HasSubstr("has no config.json")); }

}  // namespace
}  // namespace glmocr

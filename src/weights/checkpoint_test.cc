#include "weights/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weights/test_files.h"

namespace glmocr {
namespace {

using testing::HasSubstr;

class CheckpointTest : public testing::Test {
 protected:
  // A shard whose tensors are one F32 each.
  void WriteShard(std::string_view file, const std::vector<std::string>& names) {
    const float value = 2.5f;
    std::vector<NamedTensor> tensors;
    tensors.reserve(names.size());
    for (const std::string& name : names) {
      tensors.push_back({name, {reinterpret_cast<const std::byte*>(&value), DType::kF32, {1}}});
    }
    ASSERT_TRUE(WriteSafetensors(folder_ / file, tensors).ok());
  }
  void WriteIndex(std::string_view weight_map) {
    const std::string text =
        R"({"metadata":{"total_size":8},"weight_map":)" + std::string(weight_map) + "}";
    ASSERT_TRUE(WriteFileAtomically(folder_ / "model.safetensors.index.json", text).ok());
  }
  // The error of opening the folder, which must fail.
  Error OpenError() {
    const Result<Checkpoint> opened = Checkpoint::Open(folder_.path());
    if (opened.ok()) return {ErrorCode::kInternal, "opened"};
    return opened.error();
  }
  TempFolder folder_{testing::TempDir() + "/" +
                     testing::UnitTest::GetInstance()->current_test_info()->name()};
};

TEST_F(CheckpointTest, OpensStarterByFolderAndByFile) {
  for (const char* path : {"/models/starter", "/models/starter/model.safetensors"}) {
    const Result<Checkpoint> weights = Checkpoint::Open(std::string(GLMOCR_SOURCE_DIR) + path);
    ASSERT_TRUE(weights.ok()) << weights.error().message;
    EXPECT_EQ(weights->tensors().size(), 124u);
    EXPECT_EQ(weights->n_bytes(), 14'426'744u - 14'192 - 8);  // file less header and its length
    EXPECT_EQ(weights->n_params() * 2, static_cast<int64_t>(weights->n_bytes()));
    EXPECT_EQ(weights->Find("lm_head.weight")->shape, (Shape{1024, 256}));
    EXPECT_TRUE(weights->HasPrefix("model.visual."));
    EXPECT_FALSE(weights->HasPrefix("visual."));
    EXPECT_EQ(weights->names().size(), 124u);
  }
}

TEST_F(CheckpointTest, JoinsShards) {
  WriteShard("model-00001-of-00002.safetensors", {"b", "d"});
  WriteShard("model-00002-of-00002.safetensors", {"a", "c", "extra"});
  WriteIndex(R"({"a":"model-00002-of-00002.safetensors","b":"model-00001-of-00002.safetensors",
                 "c":"model-00002-of-00002.safetensors","d":"model-00001-of-00002.safetensors"})");
  const Result<Checkpoint> weights = Checkpoint::Open(folder_.path());
  ASSERT_TRUE(weights.ok()) << weights.error().message;
  EXPECT_THAT(weights->names(), testing::ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(weights->n_params(), 4);
  EXPECT_EQ(weights->files().size(), 2u);
  EXPECT_EQ(ElementAsFloat(*weights->Find("d"), 0), 2.5f);
  ASSERT_EQ(weights->notes().size(), 1u);  // 'extra' is not listed
  EXPECT_THAT(weights->notes()[0], HasSubstr("holds 1 tensors that the index does not list"));
  EXPECT_FALSE(weights->Has("extra"));
}

TEST_F(CheckpointTest, ViewsSurviveAMove) {
  WriteShard("model.safetensors", {"a"});
  Result<Checkpoint> opened = Checkpoint::Open(folder_.path());
  ASSERT_TRUE(opened.ok());
  const Checkpoint moved = std::move(*opened);
  EXPECT_EQ(ElementAsFloat(*moved.Find("a"), 0), 2.5f);
}

TEST_F(CheckpointTest, PathTraversalInIndexIsRefused) {
  WriteShard("x.safetensors", {"a"});
  for (const char* name : {"../x.safetensors", "/etc/x.safetensors", "sub/x.safetensors", "..", "",
                           "sub\\\\x.safetensors", ".safetensors", "x.safetensors\\u0000", "x.bin",
                           "C:x.safetensors"}) {
    WriteIndex(R"({"a":")" + std::string(name) + R"("})");
    const Error error = OpenError();
    EXPECT_EQ(error.code, ErrorCode::kCorrupt) << name;
    EXPECT_THAT(error.message, HasSubstr("not a plain")) << name;
  }
  WriteIndex(R"({"a":"x.safetensors"})");
  EXPECT_TRUE(Checkpoint::Open(folder_.path()).ok());
}

TEST_F(CheckpointTest, BadIndexesAreRefused) {
  WriteShard("x.safetensors", {"a"});
  WriteIndex(R"({"a":"missing.safetensors"})");
  EXPECT_EQ(OpenError().code, ErrorCode::kNotFound);
  EXPECT_THAT(OpenError().message, HasSubstr("missing.safetensors"));
  WriteIndex(R"({"a":"x.safetensors","b":"x.safetensors"})");
  EXPECT_THAT(OpenError().message,
              HasSubstr("lists tensor 'b' in shard 'x.safetensors', which lacks it"));
  WriteIndex(R"({"a":"x.safetensors","a":"x.safetensors"})");
  EXPECT_THAT(OpenError().message, HasSubstr("'a' appears twice"));
  WriteIndex(R"({"a":1})");
  EXPECT_THAT(OpenError().message, HasSubstr("not a string"));
  WriteIndex("{}");
  EXPECT_THAT(OpenError().message, HasSubstr("empty"));
  WriteIndex("[]");
  EXPECT_THAT(OpenError().message, HasSubstr("weight_map"));
  WriteIndex(std::string(100'000, '['));
  EXPECT_THAT(OpenError().message, HasSubstr("nested deeper"));
  WriteIndex("{");
  EXPECT_THAT(OpenError().message, HasSubstr("not valid JSON"));
}

TEST_F(CheckpointTest, EmptyFolderSaysWhatIsNeeded) {
  EXPECT_EQ(OpenError().code, ErrorCode::kNotFound);
  EXPECT_THAT(OpenError().message, HasSubstr("model.safetensors"));
  EXPECT_EQ(Checkpoint::Open(folder_ / "none").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace glmocr

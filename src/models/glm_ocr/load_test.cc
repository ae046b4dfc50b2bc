// Loading a whole model from checkpoints that differ in names only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/select.h"
#include "models/glm_ocr/model.h"
#include "weights/test_files.h"

namespace glmocr {
namespace {

using testing::HasSubstr;
using testing::Not;

const char* const kStarter = GLMOCR_SOURCE_DIR "/models/starter";

class LoadTest : public testing::Test {
 protected:
  // The starter's tensors under other names: the older prefixes, and with the draft layer's copies
  // of embedding and head, as the published checkpoint has them. Tensors whose name `drop` returns
  // true for are left out.
  template <typename Drop>
  Result<std::unique_ptr<GlmOcrModel>> LoadRenamed(Drop drop) {
    GLM_ASSIGN(const Checkpoint source, Checkpoint::Open(kStarter));
    std::vector<NamedTensor> tensors;
    const auto add = [&](std::string name, const TensorView& view) {
      if (!drop(name)) tensors.push_back({std::move(name), view});
    };
    for (const Checkpoint::Tensor& tensor : source.tensors()) {
      std::string name = tensor.name;
      if (name.starts_with("model.visual.")) name = name.substr(6);
      if (name.starts_with("model.language_model.")) name = "model." + name.substr(21);
      add(name, tensor.view);
    }
    add("model.layers.4.embed_tokens.weight",
        *source.Find("model.language_model.embed_tokens.weight"));
    add("model.layers.4.shared_head.head.weight", *source.Find("lm_head.weight"));
    GLM_RETURN_IF_ERROR(WriteSafetensors(folder_ / "model.safetensors", tensors));
    std::filesystem::copy_file(std::string(kStarter) + "/config.json", folder_ / "config.json");
    return GlmOcrModel::Load(folder_.path(), {.kernels = &ReferenceKernels(), .pool = &pool_});
  }
  TempFolder folder_{testing::TempDir() + "/" +
                     testing::UnitTest::GetInstance()->current_test_info()->name()};
  ThreadPool pool_{1};
};

// Bug N1: the draft layer's weights stayed unloaded when the checkpoint had the other prefix. All
// 16 tensors of the layer must be consumed.
TEST_F(LoadTest, OlderPrefixesAndDraftCopiesAreAllConsumed) {
  const Result<std::unique_ptr<GlmOcrModel>> model =
      LoadRenamed([](const std::string&) { return false; });
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_NE((*model)->mtp(), nullptr);
  EXPECT_THAT((*model)->load_notes(), Not(HasSubstr("not used")));
  EXPECT_THAT((*model)->load_notes(), HasSubstr("loaded 126 tensors"));
}

TEST_F(LoadTest, OneMissingDraftTensorIsRefusedByName) {
  const Result<std::unique_ptr<GlmOcrModel>> model =
      LoadRenamed([](const std::string& name) { return name == "model.layers.4.hnorm.weight"; });
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message,
              HasSubstr("model.language_model.layers.4.hnorm.weight: missing"));
}

// Bugs V1, V5 and N1: whatever is absent or has another shape must be refused by name, never filled
// in or reshaped. Each tensor of a small model in turn is left out, and is given one row too many.
TEST(SpecRows, V1_V5_N1_EveryTensorMustBeThereInItsShape) {
  const char* const golden = GLMOCR_SOURCE_DIR "/tests/golden/models/tiny";
  const Checkpoint source = Checkpoint::Open(golden).value();
  const GlmOcrConfig config = GlmOcrConfig::FromFiles(golden).value();
  const TempFolder folder(testing::TempDir() + "/every_tensor");
  ThreadPool pool(1);
  const std::vector<std::byte> zeros(size_t{1} << 18);
  const auto load = [&](const std::vector<NamedTensor>& tensors) {
    EXPECT_TRUE(WriteSafetensors(folder / "model.safetensors", tensors).ok());
    return GlmOcrModel::Load(Checkpoint::Open(folder / "model.safetensors").value(), config,
                             {.kernels = &ReferenceKernels(), .pool = &pool});
  };
  std::vector<NamedTensor> all;
  for (const Checkpoint::Tensor& tensor : source.tensors())
    all.push_back({tensor.name, tensor.view});
  ASSERT_TRUE(load(all).ok());

  size_t n_refused = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string& name = all[i].name;
    SCOPED_TRACE(name);
    std::vector<NamedTensor> changed = all;
    changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
    const auto without = load(changed);
    // The draft layer's copies of the main tables are the only tensors that a checkpoint may leave
    // out.
    const bool optional = name == "model.language_model.layers.2.embed_tokens.weight" ||
                          name == "model.language_model.layers.2.shared_head.head.weight";
    EXPECT_EQ(without.ok(), optional);
    if (!without.ok()) {
      EXPECT_THAT(without.error().message, HasSubstr(name));
      ++n_refused;
    }

    changed = all;
    std::vector<int64_t> dims(all[i].tensor.shape.dims().begin(), all[i].tensor.shape.dims().end());
    ++dims[0];
    changed[i].tensor.shape = Shape(dims);
    changed[i].tensor.data = zeros.data();
    ASSERT_LE(changed[i].tensor.size_bytes(), zeros.size());
    const auto taller = load(changed);
    ASSERT_FALSE(taller.ok());
    // The merger's width is read off gate_proj (bug V4): then up_proj and down_proj are the ones
    // that do not fit.
    EXPECT_THAT(taller.error().message, HasSubstr(name == "model.visual.merger.gate_proj.weight"
                                                      ? "model.visual.merger.up_proj.weight"
                                                      : name));
  }
  EXPECT_EQ(n_refused, all.size() - 2);
}

}  // namespace
}  // namespace glmocr

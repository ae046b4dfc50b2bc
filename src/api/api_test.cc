// The C++ interface as a program sees it: through the installed headers and the shared library
// alone.
#include <glmocr/glmocr.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <stdexcept>
#include <thread>

#include "api/api_test_util.h"

namespace glmocr_test {
namespace {

using testing::HasSubstr;

const glmocr::Model& Starter() {
  static const glmocr::Model model = glmocr::Model::Load(kStarter).value();
  return model;
}

glmocr::Image Picture(const std::string& name) {
  return glmocr::Image::FromFile(kRoot / "samples" / name).value();
}

// The picture of `name` as bytes in memory.
std::span<const std::byte> Bytes(const std::string& bytes) {
  return std::as_bytes(std::span(bytes));
}

TEST(Api, VersionIsTheProjects) {
  // The program tells its commit too: "glm-ocr 0.1.0 (4f2a...)".
  const std::string program = OutputOf(GLM_OCR_PROGRAM " --version");
  const std::string version = std::string("glm-ocr ") + glmocr::Version();
  EXPECT_TRUE(program.starts_with(version + " (") || program.starts_with(version + "\n"))
      << program;
}

TEST(Api, ReadsWhatTheProgramReads) {
  const auto page = Starter().Read(Picture("page.png"));
  ASSERT_TRUE(page.ok()) << page.error().message;
  EXPECT_EQ(page->text, OutputOf(GLM_OCR_PROGRAM " parse " + kPage.string()));
  EXPECT_EQ(page->markdown, OutputOf(GLM_OCR_PROGRAM " parse -f md " + kPage.string()));
}

TEST(Api, PathBytesAndPixelsGiveTheSamePage) {
  const std::string file = FileBytes(kPage);
  const auto from_bytes = glmocr::Image::FromBytes(Bytes(file));
  ASSERT_TRUE(from_bytes.ok()) << from_bytes.error().message;
  const auto from_file = glmocr::Image::FromFile(kPage);
  ASSERT_TRUE(from_file.ok()) << from_file.error().message;
  EXPECT_EQ(from_bytes->width_px(), from_file->width_px());
  EXPECT_EQ(from_bytes->height_px(), from_file->height_px());
  EXPECT_EQ(Starter().Read(*from_bytes)->text, Starter().Read(*from_file)->text);
}

// A page of white with one black bar: wide rows, of which FromRgb must skip the padding.
TEST(Api, StrideSkipsPadding) {
  constexpr int kWidth = 60, kHeight = 28;
  std::vector<uint8_t> tight(size_t{kWidth} * kHeight * 3, 255);
  for (int y = 6; y < 22; ++y) std::fill_n(tight.begin() + (y * kWidth + 20) * 3, 3 * 4, 0);
  constexpr size_t kStride = kWidth * 3 + 77;
  std::vector<uint8_t> padded(kStride * kHeight, 0);
  for (int y = 0; y < kHeight; ++y)
    std::copy_n(tight.begin() + y * kWidth * 3, kWidth * 3, padded.begin() + y * kStride);
  const auto a = glmocr::Image::FromRgb(tight.data(), kWidth, kHeight, kWidth * 3);
  const auto b = glmocr::Image::FromRgb(padded.data(), kWidth, kHeight, kStride);
  ASSERT_TRUE(a.ok() && b.ok());
  const glmocr::ReadOptions whole{.layout = glmocr::Layout::kNone};
  const auto read_a = Starter().Read(*a, whole), read_b = Starter().Read(*b, whole);
  ASSERT_TRUE(read_a.ok() && read_b.ok());
  ASSERT_EQ(read_a->regions.size(), 1u);
  ASSERT_FALSE(read_a->regions[0].tokens.empty()) << "a picture without tokens proves nothing";
  for (size_t t = 0; t < read_a->regions[0].tokens.size(); ++t) {
    EXPECT_EQ(read_a->regions[0].tokens[t].id, read_b->regions[0].tokens.at(t).id);
    EXPECT_EQ(read_a->regions[0].tokens[t].probability,
              read_b->regions[0].tokens.at(t).probability);
  }
}

TEST(Api, RegionsAndStatsDescribeThePage) {
  const glmocr::Image image = Picture("page.png");
  const auto page = Starter().Read(image);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->width_px, image.width_px());
  EXPECT_EQ(page->height_px, image.height_px());
  ASSERT_GT(page->regions.size(), 10u);
  size_t n_tokens = 0;
  for (const glmocr::Region& r : page->regions) {
    EXPECT_TRUE(r.box.x >= 0 && r.box.y >= 0 && r.box.width > 0 && r.box.height > 0);
    EXPECT_LE(r.box.x + r.box.width, image.width_px());
    EXPECT_LE(r.box.y + r.box.height, image.height_px());
    EXPECT_THAT(page->text, HasSubstr(r.text));
    EXPECT_GT(r.confidence, 0.2f);
    EXPECT_LE(r.confidence, 1.0f);
    EXPECT_EQ(r.finish, glmocr::FinishReason::kStop);
    n_tokens += r.tokens.size();
  }
  EXPECT_GT(page->stats.prompt_tokens, 0);
  EXPECT_GT(page->stats.generated_tokens, static_cast<int64_t>(n_tokens))
      << "the end-of-text tokens count";
  EXPECT_GT(page->stats.prepare_s, 0);
  EXPECT_GT(page->stats.first_token_s, page->stats.prepare_s);
  EXPECT_GE(page->stats.total_s, page->stats.first_token_s);
}

TEST(Api, StreamedTextIsTheFinalText) {
  std::map<size_t, std::string> streamed;
  std::map<size_t, std::string> completed;
  const std::thread::id here = std::this_thread::get_id();
  glmocr::ReadOptions options;
  options.on_text = [&](size_t region, std::string_view text) {
    EXPECT_EQ(std::this_thread::get_id(), here);
    EXPECT_FALSE(completed.contains(region)) << "text after the end of its region";
    streamed[region] += text;
  };
  options.on_region = [&](size_t region, const glmocr::Region& r) {
    EXPECT_TRUE(completed.emplace(region, r.text).second);
  };
  const auto page = Starter().Read(Picture("article.png"), options);
  ASSERT_TRUE(page.ok());
  ASSERT_GT(page->regions.size(), 10u);
  ASSERT_EQ(completed.size(), page->regions.size());
  for (size_t r = 0; r < page->regions.size(); ++r) {
    EXPECT_EQ(streamed[r], page->regions[r].text);
    EXPECT_EQ(completed[r], page->regions[r].text);
  }
  EXPECT_EQ(page->text, Starter().Read(Picture("article.png"))->text)
      << "listening changed the text";
}

TEST(Api, ThreadsReadTogetherWhatTheyReadAlone) {
  const std::vector<std::string> names = {"page.png", "article.png", "scan.png", "page.png"};
  std::vector<std::string> alone, together(names.size());
  for (const std::string& name : names) alone.push_back(Starter().Read(Picture(name))->text);
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < names.size(); ++i) {
      threads.emplace_back([&, i] { together[i] = Starter().Read(Picture(names[i]))->text; });
    }
  }
  EXPECT_EQ(together, alone);
}

TEST(Api, CancelFromAnotherThreadEndsThatReadAlone) {
  const std::string expected = Starter().Read(Picture("page.png"))->text;
  std::stop_source stop;
  std::atomic<bool> started = false;
  glmocr::ReadOptions options{.stop = stop.get_token()};
  options.on_text = [&](size_t, std::string_view) {
    started = true;
    started.notify_all();
    // Holds this read, and no other, until it has been cancelled.
    while (!stop.stop_requested()) std::this_thread::yield();
  };
  std::jthread canceller([&] {
    started.wait(false);
    stop.request_stop();
  });
  std::string other;
  std::jthread reader([&] {
    started.wait(false);
    other = Starter().Read(Picture("page.png"))->text;
  });
  const auto cancelled = Starter().Read(Picture("article.png"), options);
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().code, glmocr::ErrorCode::kCancelled);
  reader.join();
  EXPECT_EQ(other, expected);
  EXPECT_EQ(Starter().Read(Picture("page.png"), {.stop = stop.get_token()}).error().code,
            glmocr::ErrorCode::kCancelled);
}

TEST(Api, ExceptionOfACallbackComesOutAndTheModelGoesOn) {
  glmocr::ReadOptions options;
  options.on_region = [](size_t, const glmocr::Region&) { throw std::runtime_error("mine"); };
  EXPECT_THROW((void)Starter().Read(Picture("page.png"), options), std::runtime_error);
  EXPECT_TRUE(Starter().Read(Picture("page.png")).ok());
}

TEST(Api, CallbacksMayRead) {
  const std::string expected = Starter().Read(Picture("page.png"))->text;
  std::string inner;
  glmocr::ReadOptions options;
  options.on_region = [&](size_t, const glmocr::Region&) {
    if (inner.empty()) inner = Starter().Read(Picture("page.png"))->text;
  };
  EXPECT_EQ(Starter().Read(Picture("page.png"), options)->text, expected);
  EXPECT_EQ(inner, expected);
}

// More crops than may be in flight, from more threads than there are processors.
TEST(Api, ManyReadersShareTheQueue) {
  const std::string expected = Starter().Read(Picture("page.png"))->text;
  std::vector<std::string> texts(10);
  {
    std::vector<std::jthread> threads;
    threads.reserve(texts.size());
    for (std::string& text : texts) {
      threads.emplace_back([&text] {
        const auto page = Starter().Read(Picture("page.png"));
        text = page.ok() ? page->text : page.error().message;
      });
    }
  }
  for (const std::string& text : texts) EXPECT_EQ(text, expected);
}

TEST(Api, GenerationOptionsReachTheModel) {
  const glmocr::Image image = Picture("page.png");
  const auto cut = Starter().Read(image, {.generation = {.max_new_tokens = 1}});
  ASSERT_TRUE(cut.ok());
  EXPECT_EQ(cut->regions.at(0).tokens.size(), 1u);
  EXPECT_EQ(cut->regions.at(0).finish, glmocr::FinishReason::kLength);
  const auto stopped = Starter().Read(image, {.generation = {.stop = {"Archive"}}});
  ASSERT_TRUE(stopped.ok());
  EXPECT_EQ(stopped->regions.at(0).text, "Harbour ");
  EXPECT_EQ(stopped->regions.at(0).finish, glmocr::FinishReason::kStopString);
  const glmocr::ReadOptions hot{.generation = {.temperature = 3, .seed = 7}};
  EXPECT_EQ(Starter().Read(image, hot)->text, Starter().Read(image, hot)->text);
  EXPECT_NE(Starter().Read(image, hot)->text, Starter().Read(image)->text);
  EXPECT_NE(Starter().Read(image, {.prompt = "Say something else entirely:"})->stats.prompt_tokens,
            cut->stats.prompt_tokens);
}

TEST(Api, LoadOptionsReachTheModel) {
  auto model = glmocr::Model::Load(
      kStarter,
      {.kernels = "reference", .precision = glmocr::Precision::kF32, .threads = 1, .drafts = 0});
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->info().kernels, "reference");
  EXPECT_EQ(model->info().precision, glmocr::Precision::kF32);
  EXPECT_TRUE(model->info().reads_lines);
  EXPECT_TRUE(model->info().has_draft_layer);
  EXPECT_GT(model->info().max_context_tokens, 0);
}

// ---- Errors ----

template <typename T>
void ExpectError(const glmocr::Result<T>& result, glmocr::ErrorCode code, const std::string& part) {
  ASSERT_FALSE(result.ok()) << "wanted an error about: " << part;
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr(part));
}
using enum glmocr::ErrorCode;

TEST(ApiErrors, Load) {
  using glmocr::Model;
  ExpectError(Model::Load(kRoot / "no/such/model"), kNotFound, "no/such/model");
  ExpectError(Model::Load(kPage), kInvalidArgument, "not a directory");
  ExpectError(Model::Load(kRoot / "samples"), kNotFound, "config.json");
  ExpectError(Model::Load(kStarter, {.kernels = "mmx"}), kUnsupported, "it can run");
  ExpectError(Model::Load(kStarter, {.threads = -1}), kInvalidArgument, "threads");
  ExpectError(Model::Load(kStarter, {.cache_tokens = int64_t{1} << 40}), kInvalidArgument,
              "cache_tokens");
  ExpectError(Model::Load(kStarter, {.max_batch = 0}), kInvalidArgument, "max_batch");
  ExpectError(Model::Load(kStarter, {.drafts = 9}), kInvalidArgument, "drafts");
  ExpectError(Model::Load(kStarter, {.precision = static_cast<glmocr::Precision>(9)}),
              kInvalidArgument, "precision");
}

TEST(ApiErrors, Pictures) {
  using glmocr::Image;
  const std::string garbage = "not a picture", none, page = FileBytes(kPage);
  ExpectError(Image::FromFile("no/such.png"), kNotFound, "no/such.png");
  ExpectError(Image::FromFile(kRoot), kInvalidArgument, kRoot.string());
  ExpectError(Image::FromBytes(Bytes(garbage)), kUnsupported, "picture in memory");
  ExpectError(Image::FromBytes(Bytes(none)), kInvalidArgument, "empty");
  ExpectError(Image::FromBytes({static_cast<const std::byte*>(nullptr), 0}), kInvalidArgument,
              "empty");
  ExpectError(Image::FromBytes(Bytes(page.substr(0, page.size() / 2))), kCorrupt,
              "picture in memory");
  ExpectError(Image::FromBytes(Bytes(page), {.page = 1}), kInvalidArgument, "page");
  ExpectError(Image::FromBytes(Bytes(page), {.page = -1}), kInvalidArgument, "page");
  ExpectError(Image::FromBytes(Bytes(page), {.max_pixels = 100}), kResourceExhausted, "100");
  ExpectError(Image::FromBytes(Bytes(page), {.max_pixels = 0}), kInvalidArgument, "max_pixels");
  ExpectError(Image::FromBytes(Bytes(page), {.alpha = static_cast<glmocr::Alpha>(5)}),
              kInvalidArgument, "option");
  ExpectError(Image::CountPages(Bytes(garbage)), kUnsupported, "picture in memory");
  EXPECT_EQ(Image::CountPages(Bytes(page)).value(), 1);
  EXPECT_EQ(
      Image::CountPages(Bytes(FileBytes(kRoot / "tests/golden/media/tiff_pages3.tif"))).value(), 3);
}

TEST(ApiErrors, Pixels) {
  using glmocr::Image;
  const std::vector<uint8_t> pixels(300);
  ExpectError(Image::FromRgb(nullptr, 1, 1, 3), kInvalidArgument, "null");
  ExpectError(Image::FromRgb(pixels.data(), 10, 10, 0), kInvalidArgument, "stride");
  ExpectError(Image::FromRgb(pixels.data(), 10, 10, 29), kInvalidArgument, "stride");
  ExpectError(Image::FromRgb(pixels.data(), 0, 10, 30), kInvalidArgument, "0 x 10");
  ExpectError(Image::FromRgb(pixels.data(), 10, -10, 30), kInvalidArgument, "10 x -10");
  ExpectError(Image::FromRgb(pixels.data(), 60000, 60000, 180000), kResourceExhausted,
              "60000 x 60000");
  ExpectError(Image::FromRgb(pixels.data(), 2147483647, 2147483647, ~size_t{0}), kResourceExhausted,
              "2147483647");
  const auto dot = Image::FromRgb(pixels.data(), 1, 1, 3);
  ASSERT_TRUE(dot.ok());
  const auto page = Starter().Read(*dot);
  EXPECT_TRUE(page.ok() && page->text.empty()) << "a page of one pixel has no text";
}

TEST(ApiErrors, Read) {
  const glmocr::Image image = Picture("page.png");
  ExpectError(Starter().Read(image, {.generation = {.temperature = -1}}), kInvalidArgument,
              "temperature");
  ExpectError(Starter().Read(image, {.generation = {.top_p = 0}}), kInvalidArgument, "top_p");
  ExpectError(Starter().Read(image, {.generation = {.max_new_tokens = 0}}), kInvalidArgument,
              "max_new_tokens");
  ExpectError(Starter().Read(image, {.generation = {.stop = {""}}}), kInvalidArgument,
              "stop string");
  ExpectError(Starter().Read(image, {.layout = static_cast<glmocr::Layout>(7)}), kInvalidArgument,
              "layout");
  ExpectError(
      Starter().Read(image, {.layout = glmocr::Layout::kNone, .prompt = std::string(100000, 'x')}),
      kResourceExhausted, "context");
  auto moved = glmocr::Model::Load(kStarter);
  const glmocr::Model target = *std::move(moved);
  // NOLINTNEXTLINE(bugprone-use-after-move): what a moved-from model answers is the point
  ExpectError(moved->Read(image), kInvalidArgument, "moved");
}

}  // namespace
}  // namespace glmocr_test

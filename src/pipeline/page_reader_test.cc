// Page readers over a small model with random weights: what it reads is nonsense, but the same
// nonsense every time.
#include "pipeline/page_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <thread>

#include "layout/geometric.h"

namespace glmocr {
namespace {

const std::filesystem::path kModel =
    std::filesystem::path(GLMOCR_SOURCE_DIR) / "tests/golden/models/tiny";

std::unique_ptr<Recognizer> LoadTiny() {
  return Recognizer::Load(kModel, {.runner = {.n_threads = 1}}).value();
}

bool Always() { return true; }

// Dark bricks on white as letters, in paragraphs of three lines.
Image Page(int n_paragraphs, unsigned seed, int n_letters = 30) {
  constexpr int kPitch = 24, kGap = 50, kMargin = 30;
  Image page(60 + 13 * n_letters, 2 * kMargin + n_paragraphs * (3 * kPitch + kGap), 255);
  for (int line = 0; line < 3 * n_paragraphs; ++line) {
    const int y = kMargin + line * kPitch + line / 3 * kGap;
    int x = kMargin;
    for (int letter = 0; letter < n_letters; ++letter) {
      const int width = 5 + static_cast<int>((seed + static_cast<unsigned>(letter * line)) % 4);
      for (int dy = 0; dy < 14; ++dy) {
        for (int dx = 0; dx < width; ++dx)
          std::fill_n(page.row(y + dy) + 3 * (x + dx), 3, uint8_t{20});
      }
      x += width + (letter % 6 == 5 ? 10 : 3);
    }
  }
  return page;
}

// Its columns moved down, those on the right further: to the skew finder, a turned page.
Image Turned(const Image& page, double slope) {
  Image turned(page.width_px, page.height_px, 255);
  for (int x = 0; x < page.width_px; ++x) {
    const int shift = static_cast<int>(slope * (x - 0.5 * page.width_px));
    for (int y = 0; y < page.height_px; ++y) {
      if (y + shift < 0 || y + shift >= page.height_px) continue;
      std::copy_n(page.row(y) + 3 * x, 3, turned.row(y + shift) + 3 * x);
    }
  }
  return turned;
}

// Fails the attempts that it is told to fail, after or before their text.
class FailingReader : public PageReader {
 public:
  struct Failure {
    Error error = {ErrorCode::kOutOfMemory, "out of memory"};
    bool after_text = false;
  };
  struct Attempt {
    int64_t n_patches = 0, n_tokens = 0, max_new_tokens = 0;
    float repetition_penalty = 0;
  };
  using PageReader::PageReader;

  std::map<size_t, Failure> failures;  // by attempt
  std::vector<Attempt> attempts;

 protected:
  Result<RequestId> SubmitCrop(std::vector<ImageInput> images, std::string_view instruction,
                               const GenerationOptions& generation, Recognizer::Done done,
                               Recognizer::OnText on_text) override {
    const auto failure = failures.find(attempts.size());
    attempts.push_back({images.at(0).patches->rows(), images.at(0).n_tokens,
                        generation.max_new_tokens, generation.sampling.repetition_penalty});
    if (failure != failures.end()) {
      if (!failure->second.after_text) on_text = {};
      done = [failure = failure->second, done](CropReading reading) {
        reading.finish = FinishReason::kError;
        reading.error = failure.error;
        if (!failure.after_text) reading.text.clear(), reading.tokens.clear();
        done(std::move(reading));
      };
    }
    return PageReader::SubmitCrop(std::move(images), instruction, generation, std::move(done),
                                  std::move(on_text));
  }
};

struct Outcome {
  ReadRegion region;
  std::string streamed;
  std::vector<FailingReader::Attempt> attempts;
};

// One picture as one region.
Outcome ReadWhole(std::map<size_t, FailingReader::Failure> failures, bool stream) {
  const std::unique_ptr<Recognizer> recognizer = LoadTiny();
  Outcome out;
  PageReaderOptions options{.layout = Layout::kNone, .generation = {.max_new_tokens = 12}};
  if (stream) {
    options.on_text = [&](const ReadPage&, size_t, std::string_view text) { out.streamed += text; };
  }
  FailingReader reader(*recognizer, options,
                       [&](ReadPage page) { out.region = std::move(page.regions.at(0)); });
  reader.failures = std::move(failures);
  EXPECT_TRUE(reader.Add(Page(1, 1), {"picture"}, Always).ok());
  EXPECT_TRUE(reader.Finish(Always));
  out.attempts = reader.attempts;
  return out;
}

TEST(PageReader, ReadsAFailedPieceOnceMoreWithASmallerPicture) {
  for (const ErrorCode code : {ErrorCode::kOutOfMemory, ErrorCode::kInternal}) {
    for (const bool stream : {false, true}) {
      const Outcome read = ReadWhole({{0, {.error = {code, "it failed"}}}}, stream);
      ASSERT_EQ(read.attempts.size(), 2u);
      EXPECT_LT(read.attempts[1].n_patches, read.attempts[0].n_patches * 3 / 4);
      EXPECT_EQ(read.attempts[1].repetition_penalty, 1);
      EXPECT_FALSE(read.region.error);
      EXPECT_NE(read.region.finish, FinishReason::kError);
      EXPECT_FALSE(read.region.text.empty());
      if (stream) {
        EXPECT_EQ(read.streamed, read.region.text);
      }
    }
  }
}

TEST(PageReader, FailsWithTheErrorWhenTheSecondReadingFailsAsWell) {
  const Outcome read = ReadWhole(
      {{0, {.after_text = true}}, {1, {.error = {ErrorCode::kInternal, "again"}}}}, false);
  EXPECT_EQ(read.attempts.size(), 2u);
  EXPECT_EQ(read.region.finish, FinishReason::kError);
  ASSERT_TRUE(read.region.error);
  EXPECT_FALSE(read.region.text.empty()) << "what the first reading had found is kept";
}

TEST(PageReader, DoesNotRepeatWhatWouldFailAgain) {
  for (const ErrorCode code : {ErrorCode::kCancelled, ErrorCode::kInvalidArgument}) {
    const Outcome read = ReadWhole({{0, {.error = {code, "no"}}}}, false);
    EXPECT_EQ(read.attempts.size(), 1u);
    EXPECT_EQ(read.region.finish, FinishReason::kError);
  }
}

TEST(PageReader, TextThatHasStreamedIsNotTakenBack) {
  const Outcome read = ReadWhole({{0, {.after_text = true}}}, true);
  EXPECT_EQ(read.attempts.size(), 1u);
  EXPECT_EQ(read.region.finish, FinishReason::kError);
  EXPECT_FALSE(read.region.text.empty());
  EXPECT_EQ(read.streamed, read.region.text);
}

TEST(PageReader, ARepeatedPieceKeepsItsPlaceInTheText) {
  const std::unique_ptr<Recognizer> recognizer = LoadTiny();
  for (size_t fails = 0; fails < 5; ++fails) {
    std::map<size_t, std::string> streamed;
    ReadPage read;
    FailingReader reader(*recognizer,
                         {.layout = Layout::kLines,
                          .generation = {.max_new_tokens = 4},
                          .on_text = [&](const ReadPage&, size_t region,
                                         std::string_view text) { streamed[region] += text; }},
                         [&](ReadPage page) { read = std::move(page); });
    reader.failures[fails] = {};
    ASSERT_TRUE(reader.Add(Page(1, 1, 150), {"page"}, Always).ok());
    ASSERT_TRUE(reader.Finish(Always));
    ASSERT_GT(reader.attempts.size(), read.regions.size() + 1)
        << "lines of one piece prove nothing";
    for (size_t r = 0; r < read.regions.size(); ++r) {
      EXPECT_EQ(streamed[r], read.regions[r].text);
      EXPECT_FALSE(read.regions[r].error);
    }
  }
}

TEST(PageReader, APieceThatGoesRoundInCirclesIsReadOnceMoreWithAPenalty) {
  const std::unique_ptr<Recognizer> recognizer = LoadTiny();
  GenerationOptions generation{.max_new_tokens = 500};
  const int32_t x = recognizer->processor().tokenizer().TokenId("x").value();
  // Beyond what the penalty takes away, so that the second reading goes round as well.
  generation.sampling.logit_bias = {{x, 1000.0F}};
  ReadRegion region;
  FailingReader reader(*recognizer, {.layout = Layout::kNone, .generation = generation},
                       [&](ReadPage page) { region = std::move(page.regions.at(0)); });
  ASSERT_TRUE(reader.Add(Page(1, 1), {"picture"}, Always).ok());
  ASSERT_TRUE(reader.Finish(Always));
  ASSERT_EQ(reader.attempts.size(), 2u);
  EXPECT_EQ(reader.attempts[0].repetition_penalty, 1);
  EXPECT_EQ(reader.attempts[1].repetition_penalty, 1.15F);
  EXPECT_EQ(region.finish, FinishReason::kLoop);
  EXPECT_EQ(region.text, "x") << "one instance of what repeats";
}

// A window of 28 x 28 px holds four narrow letters at the most.
TEST(PageReader, APieceOfALineHasTwiceTheTokensThatItCanHold) {
  const std::unique_ptr<Recognizer> recognizer = LoadTiny();
  FailingReader reader(*recognizer,
                       {.layout = Layout::kLines, .generation = {.max_new_tokens = 5000}},
                       [](const ReadPage&) {});
  ASSERT_TRUE(reader.Add(Page(1, 1), {"page"}, Always).ok());
  ASSERT_TRUE(reader.Finish(Always));
  ASSERT_FALSE(reader.attempts.empty());
  for (const FailingReader::Attempt& attempt : reader.attempts)
    EXPECT_EQ(attempt.max_new_tokens, 16 + 8 * attempt.n_tokens);
}

// A text layer for the page's first paragraph.
PdfTextLayer LayerOf(const Image& page) {
  PdfTextLayer layer;
  for (int line = 0; line < 3; ++line)
    layer.words.push_back(
        {"line" + std::to_string(line), {30, 30 + 24 * line, 300, 14}, line, true});
  layer.good = true;
  EXPECT_GT(page.height_px, 110);
  return layer;
}

std::vector<std::string> ReadPages(Recognizer& recognizer, TextLayerMode mode, unsigned seed) {
  std::vector<std::string> texts;
  PageReader reader(recognizer,
                    {.layout = Layout::kRegions,
                     .layout_engine = MakeGeometricLayout(),
                     .generation = {.max_new_tokens = 4},
                     .text_layer = mode},
                    [&](const ReadPage& page) {
                      std::string text;
                      for (const ReadRegion& region : page.regions)
                        text += region.text + '|' + region.layer_text.value_or("-") + '\n';
                      texts.push_back(text);
                    });
  for (unsigned i = 0; i < 6; ++i) {
    const Image page = Page(2, seed + i);
    const PdfTextLayer layer = LayerOf(page);
    EXPECT_TRUE(reader.Add(page, {"page", static_cast<int>(i) + 1, 6}, Always, &layer).ok());
  }
  EXPECT_TRUE(reader.Finish(Always));
  return texts;
}

// What `glm-ocr parse --jobs 3` does.
TEST(PageReader, ReadersOnThreadsReadWhatTheyReadAlone) {
  const std::unique_ptr<Recognizer> recognizer = LoadTiny();
  const std::vector<TextLayerMode> modes = {TextLayerMode::kPrefer, TextLayerMode::kCompare,
                                            TextLayerMode::kOff};
  std::vector<std::vector<std::string>> alone, together(modes.size());
  for (size_t i = 0; i < modes.size(); ++i)
    alone.push_back(ReadPages(*recognizer, modes[i], static_cast<unsigned>(i)));
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < modes.size(); ++i) {
      threads.emplace_back(
          [&, i] { together[i] = ReadPages(*recognizer, modes[i], static_cast<unsigned>(i)); });
    }
  }
  EXPECT_EQ(together, alone);
  EXPECT_EQ(alone[0].size(), 6u);
  EXPECT_THAT(alone[0][0], testing::HasSubstr("line1 line2|-"));
  EXPECT_THAT(alone[1][0], testing::HasSubstr("line1 line2\n"));
  EXPECT_GT(recognizer->stats().generated_tokens, 2 * 18 * 4);
}

// Every crop reads as the same words.
class ScriptedReader : public PageReader {
 public:
  using PageReader::PageReader;
  std::string answer;
  int n_submitted = 0;

 protected:
  Result<RequestId> SubmitCrop(std::vector<ImageInput> images, std::string_view instruction,
                               const GenerationOptions& generation, Recognizer::Done done,
                               Recognizer::OnText on_text) override {
    ++n_submitted;
    const auto scripted = [this, done](CropReading reading) {
      reading.text = answer;
      done(std::move(reading));
    };
    return PageReader::SubmitCrop(std::move(images), instruction, generation, scripted,
                                  std::move(on_text));
  }
};

struct Reading {
  std::vector<ReadPage> pages;
  std::map<std::pair<int, size_t>, std::string> streamed;
  int n_submitted = 0;
  int n_regions_told = 0;
};

// Five pages of four paragraphs of three lines; their layers say `layer` in each line of the first
// two. Words are drawn, but where `hidden`.
Reading ReadWithLayer(Recognizer& recognizer, TextLayerMode mode, const std::string& says,
                      bool hidden) {
  Reading out;
  PageReaderOptions options{.layout = Layout::kRegions,
                            .layout_engine = MakeGeometricLayout(),
                            .generation = {.max_new_tokens = 4},
                            .text_layer = mode};
  options.text_order = TextOrder::kReading;
  options.on_text = [&](const ReadPage& page, size_t region, std::string_view text) {
    out.streamed[{page.page, region}] += text;
  };
  options.on_region = [&](const ReadPage&, size_t) { ++out.n_regions_told; };
  ScriptedReader reader(recognizer, options,
                        [&](ReadPage page) { out.pages.push_back(std::move(page)); });
  reader.answer = "harbour office";
  for (int i = 0; i < 5; ++i) {
    const Image page = Page(4, static_cast<unsigned>(1 + i % 3));
    PdfTextLayer layer;
    for (int line = 0; line < 6; ++line) {
      layer.words.push_back({.text = says,
                             .box_px = {30, 30 + line * 24 + line / 3 * 50, page.width_px - 60, 14},
                             .line = line,
                             .drawn = !hidden,
                             .font = 0});
    }
    EXPECT_TRUE(reader.Add(page, {"page", i + 1, 5}, Always, &layer).ok());
  }
  // A wait that is left and taken up again, as where documents take turns.
  int asked = 0;
  bool finished = false;
  for (int i = 0; i < 500 && !finished; ++i)
    finished = reader.Finish([&] { return ++asked % 3 != 0; });
  EXPECT_TRUE(finished) << "something waits that nobody reads";
  out.n_submitted = reader.n_submitted;
  return out;
}

// What a model of random weights reads is warned of as well.
std::vector<Warning> OfTheLayer(const ReadPage& page) {
  std::vector<Warning> warnings;
  for (const Warning& warning : page.warnings) {
    if (warning.kind == WarningKind::kTextLayerRejected) warnings.push_back(warning);
  }
  return warnings;
}

TEST(PageReader, UsesALayerThatAFewReadingsConfirm) {
  const std::unique_ptr<Recognizer> recognizer = LoadTiny();
  const Reading off = ReadWithLayer(*recognizer, TextLayerMode::kOff, "harbour office", false);
  const Reading used = ReadWithLayer(*recognizer, TextLayerMode::kAuto, "harbour office", false);
  ASSERT_EQ(used.pages.size(), 5u);
  EXPECT_LT(used.n_submitted, off.n_submitted);
  EXPECT_EQ(used.n_regions_told, off.n_regions_told);
  for (const ReadPage& page : used.pages) {
    ASSERT_EQ(page.regions.size(), 4u);
    EXPECT_TRUE(OfTheLayer(page).empty());
    for (size_t r = 0; r < 4; ++r) {
      EXPECT_EQ(page.regions[r].from_text_layer, r < 2) << r;
      EXPECT_EQ(page.regions[r].text.substr(0, 14), "harbour office");
      EXPECT_EQ(used.streamed.at({page.page, r}), page.regions[r].text);
    }
  }
}

TEST(PageReader, OfALayerOnTrialOnlySampledLinesArePrepared) {
  const std::unique_ptr<Recognizer> recognizer = LoadTiny();
  const Image page = Page(8, 1);
  PdfTextLayer layer;
  for (int line = 0; line < 24; ++line) {
    layer.words.push_back({.text = "harbour office",
                           .box_px = {30, 30 + line * 24 + line / 3 * 50, page.width_px - 60, 14},
                           .line = line,
                           .drawn = true,
                           .font = 0});
  }
  const auto layout = MakeGeometricLayout();
  for (const TextLayerMode mode : {TextLayerMode::kAuto, TextLayerMode::kOff}) {
    const auto crops = CropPage(page, recognizer->processor(),
                                {.layout = Layout::kRegions,
                                 .engine = layout.get(),
                                 .reads_lines = true,
                                 .text_layer = &layer,
                                 .text_layer_mode = mode});
    ASSERT_TRUE(crops.ok());
    size_t n = 0, prepared = 0;
    for (const auto& region : crops->regions) {
      for (const PageCrop& crop : region) ++n, prepared += crop.pixels.empty() ? 0 : 1;
    }
    EXPECT_EQ(n, 24u);
    EXPECT_EQ(prepared, mode == TextLayerMode::kOff ? n : crops->trial->samples.size());
  }
}

TEST(PageReader, ReadsAPageWhoseLayerSaysSomethingElse) {
  const std::unique_ptr<Recognizer> recognizer = LoadTiny();
  const Reading off = ReadWithLayer(*recognizer, TextLayerMode::kOff, "harbour office", false);
  for (const bool hidden : {false, true}) {
    const Reading read =
        ReadWithLayer(*recognizer, TextLayerMode::kAuto,
                      hidden ? "harbour office" : "another text altogether", hidden);
    EXPECT_EQ(read.n_submitted, off.n_submitted) << "nothing is read twice";
    EXPECT_EQ(read.streamed, off.streamed);
    EXPECT_EQ(read.n_regions_told, off.n_regions_told);
    ASSERT_EQ(read.pages.size(), off.pages.size());
    for (size_t i = 0; i < read.pages.size(); ++i) {
      const std::vector<Warning> warnings = OfTheLayer(read.pages[i]);
      ASSERT_EQ(warnings.size(), 1u);
      EXPECT_THAT(warnings[0].message,
                  testing::HasSubstr(hidden ? "does not show" : "'another text altogether'"));
      for (size_t r = 0; r < 4; ++r) {
        EXPECT_FALSE(read.pages[i].regions[r].from_text_layer);
        EXPECT_EQ(read.pages[i].regions[r].text, off.pages[i].regions[r].text);
      }
    }
  }
}

// The second and fourth page of five were read before; the pictures are turned, one each.
TEST(PageReader, KnownPagesKeepTheirPlaceAndPicture) {
  const std::unique_ptr<Recognizer> recognizer = LoadTiny();
  for (const Layout layout : {Layout::kNone, Layout::kLines, Layout::kRegions}) {
    std::vector<ReadPage> first, second;
    const auto reader_to = [&](std::vector<ReadPage>& pages) {
      return std::make_unique<PageReader>(*recognizer,
                                          PageReaderOptions{.layout = layout,
                                                            .layout_engine = MakeGeometricLayout(),
                                                            .generation = {.max_new_tokens = 4},
                                                            .keep_image = true},
                                          [&](ReadPage page) { pages.push_back(std::move(page)); });
    };
    const auto picture = [](int page) {
      return Turned(Page(2, static_cast<unsigned>(page)), 0.02 * page);
    };
    auto reader = reader_to(first);
    for (int page = 1; page <= 5; ++page)
      ASSERT_TRUE(reader->Add(picture(page), {"a", page, 5}, Always).ok());
    ASSERT_TRUE(reader->Finish(Always));
    ASSERT_EQ(first.size(), 5U);
    const int64_t generated = recognizer->stats().generated_tokens;
    reader = reader_to(second);
    for (int page = 1; page <= 5; ++page) {
      if (page % 2 == 1) {
        ASSERT_TRUE(reader->Add(picture(page), {"a", page, 5}, Always).ok());
        continue;
      }
      ReadPage known = first[static_cast<size_t>(page) - 1];
      known.image.reset();
      ASSERT_TRUE(reader->AddKnown(picture(page), std::move(known), Always).ok());
    }
    ASSERT_TRUE(reader->Finish(Always));
    EXPECT_LT(recognizer->stats().generated_tokens, 2 * generated);
    ASSERT_EQ(second.size(), first.size());
    if (layout != Layout::kNone) {
      EXPECT_NE(first[1].skew_degrees, 0) << "pictures that are not turned prove nothing";
    }
    for (size_t i = 0; i < first.size(); ++i) {
      EXPECT_EQ(second[i].page, first[i].page);
      EXPECT_EQ(second[i].image->rgb, first[i].image->rgb);
      const Image input = picture(static_cast<int>(i) + 1);
      EXPECT_EQ(first[i].image->rgb, input.rgb) << "the picture as it came";
      EXPECT_EQ(first[i].width_px, input.width_px);
      for (const ReadRegion& region : first[i].regions) {
        const Box& box = region.box_px;
        EXPECT_TRUE(box.x >= 0 && box.y >= 0 && box.right() <= input.width_px &&
                    box.bottom() <= input.height_px);
      }
      ASSERT_EQ(second[i].regions.size(), first[i].regions.size());
      for (size_t r = 0; r < first[i].regions.size(); ++r)
        EXPECT_EQ(second[i].regions[r].text, first[i].regions[r].text);
    }
  }
}

}  // namespace
}  // namespace glmocr

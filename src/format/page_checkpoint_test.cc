#include "format/page_checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "format/document_writer.h"
#include "format/page_json.h"
#include "format/test_page.h"

namespace glmocr {
namespace {

constexpr std::string_view kFingerprint = "model a";

// Every kind of region, and in every member something that is no default.
ReadPage FullPage() {
  ReadPage page = TestPage();
  page.page = 7;
  page.n_pages = 300;
  page.skew_degrees = -1.0 / 3;
  page.prepare_s = 0.1;
  page.first_token_s = std::nextafter(0.2, 1);
  page.seconds = 1e-300;
  page.warnings = {{WarningKind::kOutput, 7, "one \xff"}, {WarningKind::kTextCut, 0, ""}};
  page.regions[0].heading_level = 2;
  page.regions[0].column = 3;
  page.regions[1].layout_score = std::nextafter(0.5F, 1.0F);
  page.regions[1].confidence = std::numeric_limits<float>::denorm_min();
  page.regions[1].layer_text = "as the layer says: \xe2\x82";
  page.regions[1].tokens = {
      {17, "\xe6\xbc", 0.1F}, {-1, "\xa2", 1}, {9, std::string("\0\"", 2), 0}};
  page.regions[1].words = {{"\xe6\xbc\xa2", 0.25F, {}, {}}, {"", 1, {}, {1, 2, 3, 4}}};
  page.regions[2].from_text_layer = true;
  page.regions[2].layer_text = "";
  page.regions[5].cells[0].row_span = 2;
  page.regions[5].cells[1].column_span = 65534;
  page.regions[6].finish = FinishReason::kLoop;
  page.regions[6].usage = {1, 2, 3, 4, 5, int64_t{1} << 53};
  page.regions[5].cells[1].polygon_px = {{1, 2}, {3, 4}, {5, 6}, {7, 8}};
  page.regions[7].lines = {
      {{-1, -2, 3, 4},
       "x y",
       0,
       {{0.1, -0.0}, {1e5, 1.0 / 3}, 7, 2},
       {{"x", 0.5F, {{0.25, 0.5}, {1, 2}, 3, 4}, {1, 2, 3, 4}}, {"y", 1, {}, {5, 6, 7, 8}}}}};
  page.regions[12].error = Error{ErrorCode::kOutOfMemory, "out of\nmemory \xff"};
  return page;
}

void ExpectEqual(const std::optional<Error>& a, const std::optional<Error>& b) {
  ASSERT_EQ(a.has_value(), b.has_value());
  if (!a) return;
  EXPECT_EQ(a->code, b->code);
  EXPECT_EQ(a->message, b->message);
}

void ExpectEqual(const ReadRegion& a, const ReadRegion& b) {
  EXPECT_EQ(a.box_px, b.box_px);
  EXPECT_EQ(a.polygon_px, b.polygon_px);
  EXPECT_EQ(a.label, b.label);
  EXPECT_EQ(a.layout_score, b.layout_score);
  EXPECT_EQ(a.heading_level, b.heading_level);
  EXPECT_EQ(a.column, b.column);
  EXPECT_EQ(a.new_paragraph, b.new_paragraph);
  EXPECT_EQ(a.text, b.text);
  EXPECT_EQ(a.from_text_layer, b.from_text_layer);
  EXPECT_EQ(a.layer_text, b.layer_text);
  ASSERT_EQ(a.lines.size(), b.lines.size());
  for (size_t i = 0; i < a.lines.size(); ++i) {
    EXPECT_EQ(a.lines[i].box_px, b.lines[i].box_px);
    EXPECT_EQ(a.lines[i].text, b.lines[i].text);
    EXPECT_EQ(a.lines[i].confidence, b.lines[i].confidence);
    EXPECT_EQ(a.lines[i].place, b.lines[i].place);
    EXPECT_EQ(std::signbit(a.lines[i].place.start.y), std::signbit(b.lines[i].place.start.y));
    ASSERT_EQ(a.lines[i].words.size(), b.lines[i].words.size());
    for (size_t w = 0; w < a.lines[i].words.size(); ++w) {
      EXPECT_EQ(a.lines[i].words[w].text, b.lines[i].words[w].text);
      EXPECT_EQ(a.lines[i].words[w].confidence, b.lines[i].words[w].confidence);
      EXPECT_EQ(a.lines[i].words[w].place, b.lines[i].words[w].place);
      EXPECT_EQ(a.lines[i].words[w].box_px, b.lines[i].words[w].box_px);
    }
  }
  ASSERT_EQ(a.cells.size(), b.cells.size());
  for (size_t i = 0; i < a.cells.size(); ++i) {
    EXPECT_EQ(a.cells[i].row, b.cells[i].row);
    EXPECT_EQ(a.cells[i].column, b.cells[i].column);
    EXPECT_EQ(a.cells[i].row_span, b.cells[i].row_span);
    EXPECT_EQ(a.cells[i].column_span, b.cells[i].column_span);
    EXPECT_EQ(a.cells[i].header, b.cells[i].header);
    EXPECT_EQ(a.cells[i].box_px, b.cells[i].box_px);
    EXPECT_EQ(a.cells[i].text, b.cells[i].text);
    EXPECT_EQ(a.cells[i].polygon_px, b.cells[i].polygon_px);
  }
  ASSERT_EQ(a.words.size(), b.words.size());
  for (size_t i = 0; i < a.words.size(); ++i) {
    EXPECT_EQ(a.words[i].text, b.words[i].text);
    EXPECT_EQ(a.words[i].confidence, b.words[i].confidence);
  }
  ASSERT_EQ(a.tokens.size(), b.tokens.size());
  for (size_t i = 0; i < a.tokens.size(); ++i) {
    EXPECT_EQ(a.tokens[i].id, b.tokens[i].id);
    EXPECT_EQ(a.tokens[i].text, b.tokens[i].text);
    EXPECT_EQ(a.tokens[i].probability, b.tokens[i].probability);
  }
  EXPECT_EQ(a.confidence, b.confidence);
  EXPECT_EQ(a.finish, b.finish);
  ExpectEqual(a.error, b.error);
  EXPECT_EQ(a.usage.prompt_tokens, b.usage.prompt_tokens);
  EXPECT_EQ(a.usage.cached_prompt_tokens, b.usage.cached_prompt_tokens);
  EXPECT_EQ(a.usage.completion_tokens, b.usage.completion_tokens);
  EXPECT_EQ(a.usage.drafted_tokens, b.usage.drafted_tokens);
  EXPECT_EQ(a.usage.accepted_tokens, b.usage.accepted_tokens);
  EXPECT_EQ(a.usage.preemptions, b.usage.preemptions);
}

void ExpectEqual(const ReadPage& a, const ReadPage& b) {
  EXPECT_EQ(a.warnings, b.warnings);
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.page, b.page);
  EXPECT_EQ(a.n_pages, b.n_pages);
  EXPECT_EQ(a.width_px, b.width_px);
  EXPECT_EQ(a.height_px, b.height_px);
  EXPECT_EQ(a.skew_degrees, b.skew_degrees);
  ExpectEqual(a.error, b.error);
  EXPECT_EQ(a.layout, b.layout);
  EXPECT_EQ(a.prepare_s, b.prepare_s);
  EXPECT_EQ(a.first_token_s, b.first_token_s);
  EXPECT_EQ(a.seconds, b.seconds);
  ASSERT_EQ(a.regions.size(), b.regions.size());
  for (size_t i = 0; i < a.regions.size(); ++i) {
    SCOPED_TRACE(i);
    ExpectEqual(a.regions[i], b.regions[i]);
  }
}

// A checkpoint around other JSON, its hash right.
std::string Forged(const std::string& json) {
  constexpr std::string_view kForm = "glm-ocr.checkpoint/4";
  Hash128 hash = HashBytes(kForm.data(), kForm.size());
  hash = HashCombine(hash, kFingerprint.data(), kFingerprint.size());
  return HashCombine(hash, json.data(), json.size()).Hex() + '\n' + json;
}

TEST(PageCheckpoint, GivesThePageBack) {
  const ReadPage page = FullPage();
  const std::string bytes = PageToCheckpoint(page, kFingerprint);
  const auto back = PageFromCheckpoint(bytes, kFingerprint);
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->image, nullptr);
  ExpectEqual(*back, page);
  EXPECT_EQ(PageToCheckpoint(*back, kFingerprint), bytes);

  ReadPage broken;
  broken.source = "a.pdf";
  broken.page = 2;
  broken.n_pages = 3;
  broken.error = Error{ErrorCode::kCorrupt, "'a.pdf', page 2: it cannot be rendered"};
  const auto broken_back = PageFromCheckpoint(PageToCheckpoint(broken, kFingerprint), kFingerprint);
  ASSERT_TRUE(broken_back.ok());
  ExpectEqual(*broken_back, broken);
}

TEST(PageCheckpoint, WritersSeeNoDifference) {
  const ReadPage page = FullPage();
  ReadPage back = PageFromCheckpoint(PageToCheckpoint(page, kFingerprint), kFingerprint).value();
  back.image = page.image;
  EXPECT_EQ(PageToJson(back), PageToJson(page));
  DocumentOptions options;
  options.formats.clear();
  for (int i = 0; i < kDocumentFormats; ++i)
    options.formats.push_back(static_cast<DocumentFormat>(i));
  const auto files = WriteDocument({&page, 1}, options), again = WriteDocument({&back, 1}, options);
  ASSERT_TRUE(files.ok() && again.ok());
  ASSERT_EQ(files->size(), again->size());
  EXPECT_GT(files->size(), static_cast<size_t>(kDocumentFormats));
  for (size_t i = 0; i < files->size(); ++i) {
    const OutputFile &a = (*files)[i], &b = (*again)[i];
    EXPECT_EQ(a.path, b.path);
    EXPECT_EQ(a.file ? a.file->ReadAll().value() : a.bytes,
              b.file ? b.file->ReadAll().value() : b.bytes)
        << a.path;
  }
}

TEST(PageCheckpoint, AnotherFingerprintIsRefused) {
  const std::string bytes = PageToCheckpoint(FullPage(), kFingerprint);
  for (const std::string_view other : {"", "model b", "model a "})
    EXPECT_EQ(PageFromCheckpoint(bytes, other).error().code, ErrorCode::kCorrupt) << other;
}

TEST(PageCheckpoint, DamagedBytesAreRefused) {
  const std::string bytes = PageToCheckpoint(FullPage(), kFingerprint);
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 50)
    EXPECT_FALSE(PageFromCheckpoint(std::string_view(bytes).substr(0, size), kFingerprint).ok());
  EXPECT_FALSE(PageFromCheckpoint(bytes + " ", kFingerprint).ok());
  for (size_t at = 0; at < bytes.size(); at += 1 + at / 50) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_FALSE(PageFromCheckpoint(damaged, kFingerprint).ok()) << at;
  }
  for (const std::string& bytes_of_others :
       {std::string(1000, '\0'), std::string("{}"), std::string(33, '\n'), std::string("\xff")})
    EXPECT_FALSE(PageFromCheckpoint(bytes_of_others, kFingerprint).ok());
}

// The hash is right, and what it covers is no page.
TEST(PageCheckpoint, ForgedBytesAreRefused) {
  const std::string text = PageToCheckpoint(FullPage(), kFingerprint).substr(33);
  ASSERT_TRUE(PageFromCheckpoint(Forged(text), kFingerprint).ok());
  for (const std::string& json :
       {std::string(), std::string("{}"), std::string("[]"), std::string("null"), text + "]",
        text + std::string(1, '\0'), std::string(100000, '['), "[" + text + "]"})
    EXPECT_FALSE(PageFromCheckpoint(Forged(json), kFingerprint).ok()) << json.substr(0, 40);
  // Each value of the page and of two regions replaced by such as no page has there. Only numbers
  // may be others.
  const auto page = nlohmann::json::parse(text);
  const auto try_all = [&](const nlohmann::json::json_pointer& where) {
    for (const char* value : {"null", "{}", "[[[]]]", "\"\\ud83d\\ude00\"", "1e400", "-1e39", "1.5",
                              "true", "-9223372036854775808", "18446744073709551615", "[1]",
                              "[\"!\"]", "[\"YQ==\",\"YQ==\"]"}) {
      const auto replacement = nlohmann::json::parse(value, nullptr, false);
      std::string json;
      if (replacement.is_discarded()) {
        json = value;
      } else {
        nlohmann::json changed = page;
        changed[where] = replacement;
        json = changed.dump();
      }
      const auto read = PageFromCheckpoint(Forged(json), kFingerprint);
      if (!read.ok()) continue;
      EXPECT_EQ(replacement.type() == page[where].type() ||
                    (replacement.is_number_integer() && page[where].is_number_integer()),
                true)
          << where << " " << value;
    }
    nlohmann::json longer = page, shorter = page;
    longer[where.parent_pointer()].push_back(0);
    EXPECT_FALSE(PageFromCheckpoint(Forged(longer.dump()), kFingerprint).ok()) << where;
  };
  const nlohmann::json::json_pointer root;
  for (size_t i = 0; i < page.size(); ++i) try_all(root / i);
  for (const size_t region : {1, 5}) {
    const auto regions = root / 8 / region;
    for (size_t i = 0; i < page[regions].size(); ++i) try_all(regions / i);
  }
}

TEST(PageCheckpoint, NumbersThatAreNoneAreRefused) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(), -HUGE_VAL}) {
    ReadPage page = FullPage();
    page.seconds = bad;
    EXPECT_FALSE(PageFromCheckpoint(PageToCheckpoint(page, kFingerprint), kFingerprint).ok());
  }
  ReadPage page = FullPage();
  page.regions[0].box_px.x = 1 << 21;
  EXPECT_FALSE(PageFromCheckpoint(PageToCheckpoint(page, kFingerprint), kFingerprint).ok());
}

}  // namespace
}  // namespace glmocr

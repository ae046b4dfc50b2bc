#include "format/page_checkpoint.h"

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/bounded_json.h"
#include "base/hash.h"
#include "tokenizer/stream_decoder.h"

namespace glmocr {
namespace {

using Json = nlohmann::json;

// Bytes: 32 hex digits, the hash of form, fingerprint and JSON; a newline; the JSON. To be raised
// with every change of ReadPage's members or of their meaning.
constexpr std::string_view kForm = "glm-ocr.checkpoint/4";
constexpr size_t kHashDigits = 32;
constexpr int kMaxPixels = 1 << 20;  // coordinates; a thousand times their sums fit an int

std::string Digest(std::string_view fingerprint, std::string_view json) {
  Hash128 hash = HashBytes(kForm.data(), kForm.size());
  hash = HashCombine(hash, fingerprint.data(), fingerprint.size());
  return HashCombine(hash, json.data(), json.size()).Hex();
}

// ReadPage's members are listed once, in kPage and those before it. A Writer and a Reader walk
// through the lists: the one takes the values, the other sets them. All stand in arrays, in the
// lists' order; a Reader fails on one element too few or too many.

class Writer {
 public:
  explicit Writer(Json& array) : array_(array) { array_ = Json::array(); }

  void Value(bool value) { array_.push_back(value); }
  template <typename T>
  requires std::integral<T> || std::floating_point<T>
  void Value(T value) { array_.push_back(value); }
  template <typename T>
  requires std::is_enum_v<T>
  void Value(T value, T /*last*/) { array_.push_back(static_cast<int>(value)); }
  // What is not UTF-8 (tokens end inside of characters) stands in base64, inside of an array.
  void Value(const std::string& text) {
    if (RepairUtf8(text) == text) {
      array_.push_back(text);
    } else {
      array_.push_back(Json::array({EncodeBase64(text)}));
    }
  }
  void Pixels(int value) { Value(value); }
  template <typename T, typename VisitOne>
  void List(const std::vector<T>& list, const VisitOne& visit) {
    Json items = Json::array();
    for (const T& item : list) {
      Json one;
      Writer writer(one);
      visit(writer, item);
      items.push_back(std::move(one));
    }
    array_.push_back(std::move(items));
  }
  // As a list of none or one.
  template <typename T, typename VisitOne>
  void Optional(const std::optional<T>& value, const VisitOne& visit) {
    List(value ? std::vector<T>{*value} : std::vector<T>(), visit);
  }

 private:
  Json& array_;
};

struct NotAPage {};

// Throws NotAPage at the first thing that no Writer has written.
class Reader {
 public:
  explicit Reader(const Json& array) : array_(array) {
    if (!array.is_array()) throw NotAPage();
  }
  void End() const {
    if (next_ != array_.size()) throw NotAPage();
  }

  void Value(bool& value) {
    const Json& json = Next();
    if (!json.is_boolean()) throw NotAPage();
    value = json.get<bool>();
  }
  template <std::integral T>
  void Value(T& value) {
    value = Integer<T>(std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
  }
  template <std::floating_point T>
  void Value(T& value) {
    const Json& json = Next();
    if (!json.is_number_float()) throw NotAPage();
    const auto number = json.get<double>();
    if (!(std::abs(number) <= double{std::numeric_limits<T>::max()})) throw NotAPage();
    value = static_cast<T>(number);
  }
  template <typename T>
  requires std::is_enum_v<T>
  void Value(T& value, T last) { value = static_cast<T>(Integer<int>(0, static_cast<int>(last))); }
  void Value(std::string& text) {
    const Json& json = Next();
    if (json.is_string()) {
      text = json.get<std::string>();
      return;
    }
    Reader inner(json);
    const Json& encoded = inner.Next();
    inner.End();
    auto bytes = encoded.is_string() ? DecodeBase64(encoded.get_ref<const std::string&>())
                                     : std::optional<std::string>();
    if (!bytes) throw NotAPage();
    text = *std::move(bytes);
  }
  void Pixels(int& value) { value = Integer<int>(-kMaxPixels, kMaxPixels); }
  template <typename T, typename VisitOne>
  void List(std::vector<T>& list, const VisitOne& visit) {
    const Json& items = Next();
    if (!items.is_array()) throw NotAPage();
    list.clear();
    for (const Json& item : items) {
      Reader reader(item);
      visit(reader, list.emplace_back());
      reader.End();
    }
  }
  template <typename T, typename VisitOne>
  void Optional(std::optional<T>& value, const VisitOne& visit) {
    std::vector<T> list;
    List(list, visit);
    if (list.size() > 1) throw NotAPage();
    value.reset();
    if (!list.empty()) value = std::move(list[0]);
  }

 private:
  const Json& Next() {
    if (next_ == array_.size()) throw NotAPage();
    return array_[next_++];
  }
  template <typename T>
  T Integer(T low, T high) {
    const Json& json = Next();
    // Numbers above INT64_MAX are unsigned ones; none of ours is.
    if (!json.is_number_integer() ||
        (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{INT64_MAX}))
      throw NotAPage();
    const auto value = json.get<int64_t>();
    if (value < int64_t{low} || value > int64_t{high}) throw NotAPage();
    return static_cast<T>(value);
  }

  const Json& array_;
  size_t next_ = 0;
};

// Each binds all members of its type, so that a new member does not compile until it stands here.

constexpr auto kText = [](auto& to, auto& text) { to.Value(text); };
constexpr auto kError = [](auto& to, auto& error) {
  auto& [code, message] = error;
  to.Value(code, ErrorCode::kInternal);
  to.Value(message);
};
constexpr auto kPoint = [](auto& to, auto& point) {
  auto& [x, y] = point;
  to.Pixels(x);
  to.Pixels(y);
};
constexpr auto kBox = [](auto& to, auto& box) {
  auto& [x, y, width, height] = box;
  to.Pixels(x);
  to.Pixels(y);
  to.Pixels(width);
  to.Pixels(height);
};
constexpr auto kPlace = [](auto& to, auto& place) {
  auto& [start, end, ascent_px, descent_px] = place;
  to.Value(start.x);
  to.Value(start.y);
  to.Value(end.x);
  to.Value(end.y);
  to.Value(ascent_px);
  to.Value(descent_px);
};
constexpr auto kWord = [](auto& to, auto& word) {
  auto& [text, confidence, place, box_px] = word;
  to.Value(text);
  to.Value(confidence);
  kPlace(to, place);
  kBox(to, box_px);
};
constexpr auto kLine = [](auto& to, auto& line) {
  auto& [box_px, text, confidence, place, words, n_spaces, after_blank] = line;
  kBox(to, box_px);
  to.Value(text);
  to.Value(confidence);
  kPlace(to, place);
  to.List(words, kWord);
  to.Value(n_spaces);
  to.Value(after_blank);
};
constexpr auto kCell = [](auto& to, auto& cell) {
  auto& [row, column, row_span, column_span, header, box_px, text, polygon_px] = cell;
  to.Value(row);
  to.Value(column);
  to.Value(row_span);
  to.Value(column_span);
  to.Value(header);
  kBox(to, box_px);
  to.Value(text);
  to.List(polygon_px, kPoint);
};
constexpr auto kToken = [](auto& to, auto& token) {
  auto& [id, text, probability] = token;
  to.Value(id);
  to.Value(text);
  to.Value(probability);
};
constexpr auto kUsage = [](auto& to, auto& usage) {
  auto& [prompt, cached_prompt, completion, drafted, accepted, preemptions] = usage;
  to.Value(prompt);
  to.Value(cached_prompt);
  to.Value(completion);
  to.Value(drafted);
  to.Value(accepted);
  to.Value(preemptions);
};
constexpr auto kRegion = [](auto& to, auto& region) {
  auto& [box_px, polygon_px, label, layout_score, heading_level, column, new_paragraph, text,
         from_text_layer, layer_text, lines, cells, tokens, words, confidence, finish, error,
         usage] = region;
  kBox(to, box_px);
  to.List(polygon_px, kPoint);
  to.Value(label, static_cast<RegionLabel>(kRegionLabels - 1));
  to.Value(layout_score);
  to.Value(heading_level);
  to.Value(column);
  to.Value(new_paragraph);
  to.Value(text);
  to.Value(from_text_layer);
  to.Optional(layer_text, kText);
  to.List(lines, kLine);
  to.List(cells, kCell);
  to.List(tokens, kToken);
  to.List(words, kWord);
  to.Value(confidence);
  to.Value(finish, FinishReason::kError);
  to.Optional(error, kError);
  kUsage(to, usage);
};
constexpr auto kWarning = [](auto& to, auto& warning) {
  auto& [kind, page, message] = warning;
  to.Value(kind, WarningKind::kOutput);
  to.Value(page);
  to.Value(message);
};
constexpr auto kPage = [](auto& to, auto& page) {
  auto& [source, number, n_pages, width_px, height_px, skew_degrees, error, layout, regions,
         warnings, image, prepare_s, first_token_s, seconds] = page;
  to.Value(source);
  to.Value(number);
  to.Value(n_pages);
  to.Pixels(width_px);
  to.Pixels(height_px);
  to.Value(skew_degrees);
  to.Optional(error, kError);
  to.Value(layout);
  to.List(regions, kRegion);
  to.List(warnings, kWarning);
  to.Value(prepare_s);
  to.Value(first_token_s);
  to.Value(seconds);
};

}  // namespace

std::string PageToCheckpoint(const ReadPage& page, std::string_view fingerprint) {
  Json json;
  Writer writer(json);
  kPage(writer, page);
  const std::string text = json.dump();
  return Digest(fingerprint, text) + '\n' + text;
}

Result<ReadPage> PageFromCheckpoint(std::string_view bytes, std::string_view fingerprint) {
  const Error corrupt = {ErrorCode::kCorrupt, "the bytes are no page of this fingerprint"};
  if (bytes.size() <= kHashDigits || bytes[kHashDigits] != '\n') return corrupt;
  const std::string_view text = bytes.substr(kHashDigits + 1);
  if (bytes.substr(0, kHashDigits) != Digest(fingerprint, text)) return corrupt;
  GLM_ASSIGN(const Json json, ParseBoundedJson(text, "checkpoint"));
  try {
    ReadPage page;
    Reader reader(json);
    kPage(reader, page);
    reader.End();
    return page;
  } catch (const NotAPage&) {
    return corrupt;
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "not enough memory for a checkpoint"};
  }
}

}  // namespace glmocr

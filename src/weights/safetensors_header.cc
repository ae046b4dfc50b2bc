// Parsing and validation of safetensors headers.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "base/untrusted_text.h"
#include "weights/model_folder.h"
#include "weights/safetensors.h"

namespace glmocr {
namespace {

using nlohmann::json;

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the reference library's limit
constexpr size_t kMaxTensors = 1 << 20;            // 18,106 is the most of any model of this family
constexpr size_t kMaxRank = 8;
constexpr std::string_view kDamaged = "; the file is damaged or not safetensors, download it again";

// Turns the parser's events into tensors without building a JSON value: a header may have 100 MB,
// and the fixed structure (three levels) leaves nothing for a nesting bomb to nest.
class HeaderReader : public nlohmann::json_sax<json> {
 public:
  Error TakeError() { return std::move(error_); }
  SafetensorsHeader Take() { return std::move(header_); }
  // data_offsets as read, in the order of tensors.
  const std::vector<std::pair<uint64_t, uint64_t>>& offsets() const { return offsets_; }

  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("a boolean"); }
  bool binary(binary_t&) override { return Unexpected("binary data"); }
  bool number_float(number_float_t, const string_t&) override {
    return Unexpected("a number that is not a 63-bit integer");
  }
  bool number_integer(number_integer_t value) override {
    if (value >= 0) return Number(static_cast<uint64_t>(value));
    return Unexpected("a negative number");
  }
  bool number_unsigned(number_unsigned_t value) override { return Number(value); }

  bool string(string_t& value) override {
    if (where_ == Where::kMetadata) {
      if (header_.metadata.emplace(key_, value).second) return true;
      return Fail(ErrorCode::kCorrupt,
                  fmt::format("the metadata key {} appears twice", QuoteUntrusted(key_)));
    }
    if (where_ != Where::kTensor || field_ != Field::kDType) return Unexpected("a string");
    const std::optional<DType> dtype = DTypeFromName(value);
    if (!dtype) {
      return Fail(
          ErrorCode::kUnsupported,
          fmt::format("has dtype {}, which is not supported; convert the model to BF16, F16 or F32",
                      QuoteUntrusted(value)));
    }
    tensor_.dtype = *dtype;
    return true;
  }

  bool start_object(std::size_t) override {
    switch (where_) {
      case Where::kStart:
        where_ = Where::kTop;
        return true;
      case Where::kTop:
        if (key_ == "__metadata__") {
          where_ = Where::kMetadata;
          return true;
        }
        where_ = Where::kTensor;
        field_ = Field::kNone;
        seen_ = 0;
        tensor_ = TensorInfo{.name = key_};
        return true;
      default:
        return Unexpected("an object");
    }
  }

  bool end_object() override {
    if (where_ == Where::kTensor) {
      if (seen_ != 7) return Fail(ErrorCode::kCorrupt, "lacks dtype, shape or data_offsets");
      tensor_.shape = Shape(std::move(dims_));
      dims_ = {};
      header_.tensors.push_back(std::move(tensor_));
      offsets_.push_back(range_);
      where_ = Where::kTop;
      if (header_.tensors.size() > kMaxTensors) {
        return Fail(ErrorCode::kResourceExhausted,
                    fmt::format("is one of more than {} tensors", kMaxTensors));
      }
    } else {
      where_ = where_ == Where::kMetadata ? Where::kTop : Where::kDone;
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (where_ == Where::kTensor && field_ == Field::kShape) {
      where_ = Where::kShape;
      return true;
    }
    if (where_ == Where::kTensor && field_ == Field::kOffsets) {
      where_ = Where::kOffsets;
      n_offsets_ = 0;
      return true;
    }
    return Unexpected("an array");
  }

  bool end_array() override {
    if (where_ == Where::kOffsets && n_offsets_ != 2) {
      return Fail(ErrorCode::kCorrupt, fmt::format("has {} data_offsets instead of 2", n_offsets_));
    }
    where_ = Where::kTensor;
    return true;
  }

  bool key(string_t& name) override {
    if (where_ == Where::kTop) {
      key_ = std::move(name);
      if (names_.insert(key_).second) return true;
      return Fail(ErrorCode::kCorrupt, "appears twice in the header");
    }
    if (where_ == Where::kMetadata) {
      key_ = std::move(name);
      return true;
    }
    field_ = name == "dtype"          ? Field::kDType
             : name == "shape"        ? Field::kShape
             : name == "data_offsets" ? Field::kOffsets
                                      : Field::kNone;
    if (field_ == Field::kNone) {
      return Fail(ErrorCode::kCorrupt,
                  fmt::format("has the unknown field {}", QuoteUntrusted(name)));
    }
    const unsigned bit = 1u << (static_cast<unsigned>(field_) - 1);
    if (seen_ & bit)
      return Fail(ErrorCode::kCorrupt, fmt::format("has two fields {}", QuoteUntrusted(name)));
    seen_ |= bit;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    error_ = {ErrorCode::kCorrupt,
              fmt::format("the header is not valid JSON at byte {}", position)};
    return false;
  }

 private:
  enum class Where { kStart, kTop, kTensor, kShape, kOffsets, kMetadata, kDone };
  enum class Field : unsigned { kNone, kDType, kShape, kOffsets };

  bool Number(uint64_t value) {
    if (value > static_cast<uint64_t>(INT64_MAX)) return Unexpected("a number above 2^63 - 1");
    if (where_ == Where::kShape) {
      if (dims_.size() == kMaxRank) {
        return Fail(ErrorCode::kUnsupported, fmt::format("has more than {} dimensions", kMaxRank));
      }
      dims_.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (where_ != Where::kOffsets || n_offsets_ == 2) return Unexpected("a number");
    (n_offsets_++ == 0 ? range_.first : range_.second) = value;
    return true;
  }

  bool Unexpected(std::string_view what) {
    return Fail(ErrorCode::kCorrupt, fmt::format("has {} where the format has none", what));
  }

  bool Fail(ErrorCode code, std::string what) {
    if (where_ == Where::kStart || where_ == Where::kDone) {
      error_ = {code, "the header " + std::move(what)};
    } else if (where_ == Where::kMetadata) {
      error_ = {code, "__metadata__: " + std::move(what)};
    } else {
      error_ = {code,
                fmt::format("tensor {} {}",
                            QuoteUntrusted(where_ == Where::kTop ? key_ : tensor_.name), what)};
    }
    return false;
  }

  SafetensorsHeader header_;
  std::vector<std::pair<uint64_t, uint64_t>> offsets_;
  std::unordered_set<std::string> names_;
  Error error_;

  Where where_ = Where::kStart;
  std::string key_;
  Field field_ = Field::kNone;
  unsigned seen_ = 0;  // bits of the fields of the open tensor
  TensorInfo tensor_;
  std::vector<int64_t> dims_;
  std::pair<uint64_t, uint64_t> range_;
  int n_offsets_ = 0;
};

// Checks one tensor's numbers against each other and the data section, and fills begin and
// size_bytes.
Status CheckTensor(TensorInfo& tensor, std::pair<uint64_t, uint64_t> range, uint64_t data_bytes) {
  const auto fail = [&](std::string what) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("tensor {} {}", QuoteUntrusted(tensor.name), what)};
  };
  const std::optional<int64_t> count = tensor.shape.CheckedCount();
  int64_t want_bytes = 0;
  if (!count ||
      __builtin_mul_overflow(*count, static_cast<int64_t>(DTypeBytes(tensor.dtype)), &want_bytes)) {
    return fail(fmt::format("has shape {}, whose size overflows", tensor.shape.ToString()));
  }
  if (range.first > range.second) {
    return fail(
        fmt::format("has data_offsets [{}, {}], which run backwards", range.first, range.second));
  }
  if (range.second > data_bytes) {
    return fail(fmt::format("ends at byte {} of the data section, which has {} bytes", range.second,
                            data_bytes));
  }
  if (range.second - range.first != static_cast<uint64_t>(want_bytes)) {
    return fail(fmt::format("has {} bytes of data; shape {} of {} needs {}",
                            range.second - range.first, tensor.shape.ToString(),
                            DTypeName(tensor.dtype), want_bytes));
  }
  tensor.begin = range.first;
  tensor.size_bytes = range.second - range.first;
  return OkStatus();
}

// Tensors in order of their data must follow each other without gap or overlap, from the first byte
// to the last.
Status CheckCoverage(const std::vector<TensorInfo>& tensors, uint64_t data_bytes) {
  std::vector<const TensorInfo*> order;
  order.reserve(tensors.size());
  for (const TensorInfo& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const TensorInfo* a, const TensorInfo* b) {
    return std::pair(a->begin, a->size_bytes) < std::pair(b->begin, b->size_bytes);
  });
  uint64_t end = 0;
  for (const TensorInfo* tensor : order) {
    if (tensor->begin != end) {
      return Error{ErrorCode::kCorrupt,
                   fmt::format("tensor {} starts at byte {} of the data section and {} at byte {}",
                               QuoteUntrusted(tensor->name), tensor->begin,
                               tensor->begin < end ? "overlaps the one that ends"
                                                   : "leaves a hole after the one that ends",
                               end)};
    }
    end = tensor->begin + tensor->size_bytes;
  }
  if (end != data_bytes) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("the tensors end at byte {} of the data section, which has {} bytes",
                             end, data_bytes)};
  }
  return OkStatus();
}

Result<SafetensorsHeader> Parse(std::span<const std::byte> file) {
  if (file.size() < kLengthBytes) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("it has {} bytes, fewer than the header length takes", file.size())};
  }
  uint64_t header_bytes = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    header_bytes |= static_cast<uint64_t>(std::to_integer<uint8_t>(file[i])) << (8 * i);
  }
  if (IsLfsPointer({reinterpret_cast<const char*>(file.data()), file.size()})) {
    return Error{ErrorCode::kUnsupported,
                 "it is the placeholder that git-lfs leaves; run 'git lfs pull' in its folder"};
  }
  if (header_bytes > kMaxHeaderBytes) {
    return Error{ErrorCode::kCorrupt, fmt::format("it claims a header of {} bytes; the limit is {}",
                                                  header_bytes, kMaxHeaderBytes)};
  }
  if (header_bytes > file.size() - kLengthBytes) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("it claims a header of {} bytes and has only {} after the length",
                             header_bytes, file.size() - kLengthBytes)};
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kLengthBytes,
                              header_bytes);
  if (text.empty() || text[0] != '{') {
    return Error{ErrorCode::kCorrupt, "the header does not begin with '{'"};
  }
  // The library takes a NUL byte for the end of its input, which would hide whatever follows.
  if (text.find('\0') != std::string_view::npos) {
    return Error{ErrorCode::kCorrupt, "the header contains a zero byte"};
  }
  HeaderReader reader;
  if (!json::sax_parse(text, &reader)) return reader.TakeError();
  SafetensorsHeader header = reader.Take();
  header.data_begin = kLengthBytes + header_bytes;
  const uint64_t data_bytes = file.size() - header.data_begin;
  for (size_t i = 0; i < header.tensors.size(); ++i) {
    GLM_RETURN_IF_ERROR(CheckTensor(header.tensors[i], reader.offsets()[i], data_bytes));
  }
  GLM_RETURN_IF_ERROR(CheckCoverage(header.tensors, data_bytes));
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
  return header;
}

}  // namespace

Result<SafetensorsHeader> ParseSafetensorsHeader(std::span<const std::byte> file,
                                                 std::string_view file_name) {
  try {
    Result<SafetensorsHeader> header = Parse(file);
    if (header.ok()) return header;
    Error error = header.error().With(fmt::format("'{}'", file_name));
    if (error.code == ErrorCode::kCorrupt) error.message += kDamaged;
    return error;
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory,
                 fmt::format("'{}': not enough memory for its header", file_name)};
  } catch (const json::exception& e) {
    return Error{ErrorCode::kCorrupt, fmt::format("'{}': {}{}", file_name, e.what(), kDamaged)};
  }
}

}  // namespace glmocr

#include "tokenizer/golden_file.h"

#include <zlib.h>

#include <string_view>

#include "base/check.h"
#include "base/file.h"

namespace glmocr {
namespace {

constexpr size_t kMaxBytes = size_t{16} << 20;

std::string Inflate(const std::string& packed) {
  std::string out(kMaxBytes, '\0');
  auto size = static_cast<uLongf>(out.size());
  GLM_CHECK(uncompress(reinterpret_cast<Bytef*>(out.data()), &size,
                       reinterpret_cast<const Bytef*>(packed.data()),
                       static_cast<uLong>(packed.size())) == Z_OK);
  out.resize(size);
  return out;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      GLM_CHECK(at_ < bytes_.size());
      const auto b = static_cast<unsigned char>(bytes_[at_++]);
      value |= static_cast<uint64_t>(b & 127) << shift;
      if (b < 128) return value;
    }
  }
  std::string Bytes() {
    const uint64_t size = Varint();
    GLM_CHECK(size <= bytes_.size() - at_);
    at_ += size;
    return std::string(bytes_.substr(at_ - size, size));
  }
  std::vector<int32_t> Ids() {
    std::vector<int32_t> ids(Varint());
    for (int32_t& id : ids) id = static_cast<int32_t>(Varint());
    return ids;
  }
  bool AtEnd() const { return at_ == bytes_.size(); }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

std::string ReadOrDie(const std::filesystem::path& path) {
  Result<std::string> bytes = ReadFile(path, kMaxBytes);
  GLM_CHECK(bytes.ok());
  return *bytes;
}

}  // namespace

std::filesystem::path GoldenPath(const std::string& name) {
  return std::filesystem::path(GLMOCR_SOURCE_DIR) / "tests/golden/tokenizer" / name;
}

std::filesystem::path StarterPath(const std::string& name) {
  return std::filesystem::path(GLMOCR_SOURCE_DIR) / "models/starter" / name;
}

GoldenFile ReadGolden(const std::string& name) {
  const std::string bytes = Inflate(ReadOrDie(GoldenPath(name)));
  Reader in(bytes);
  GoldenFile golden;
  golden.tokenizer_json = in.Bytes();
  if (golden.tokenizer_json.empty())
    golden.tokenizer_json = ReadOrDie(StarterPath("tokenizer.json"));
  golden.texts.resize(in.Varint());
  for (GoldenText& t : golden.texts) {
    t.text = in.Bytes();
    t.ids = in.Ids();
    t.plain_ids = in.Varint() != 0 ? in.Ids() : t.ids;
  }
  golden.streams.resize(in.Varint());
  for (GoldenStream& s : golden.streams) {
    s.ids = in.Ids();
    s.kept = in.Bytes();
    s.skipped = in.Bytes();
  }
  GLM_CHECK(in.AtEnd());
  return golden;
}

}  // namespace glmocr

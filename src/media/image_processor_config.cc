// ImageProcessorConfig::FromJson and FromFile.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/bounded_json.h"
#include "base/file.h"
#include "media/image_processor.h"

namespace glmocr {
namespace {

using Json = nlohmann::json;

enum class Presence { kOptional, kRequired };

// Reads fields of one JSON object; the first problem sticks and names the field.
class Fields {
 public:
  Fields(const Json& object, std::string_view name, std::string prefix = "")
      : object_(object), name_(name), prefix_(std::move(prefix)) {}

  const Status& status() const { return status_; }

  const Json* Find(const char* key, Presence presence) {
    auto it = object_.find(key);
    if (it != object_.end() && !it->is_null()) return &*it;
    if (presence == Presence::kRequired) Problem(key, "is missing");
    return nullptr;
  }

  void Flag(const char* key, bool& out) {
    const Json* v = Find(key, Presence::kOptional);
    if (v == nullptr) return;
    if (!v->is_boolean()) return Problem(key, "must be true or false");
    out = v->get<bool>();
  }

  template <typename Int>
  void Count(const char* key, Int& out, int64_t most, Presence presence = Presence::kOptional) {
    const Json* v = Find(key, presence);
    if (v == nullptr) return;
    // A float such as 12544.0 is not accepted: these are pixel counts.
    if (!v->is_number_integer() || v->get<double>() < 1 ||
        v->get<double>() > static_cast<double>(most)) {
      return Problem(key, fmt::format("must be a whole number from 1 to {}", most));
    }
    out = v->get<Int>();
  }

  // Bounded, so that a pixel stays finite whatever the three numbers do to it.
  void Number(const char* key, double least, double most, double& out) {
    const Json* v = Find(key, Presence::kOptional);
    if (v == nullptr) return;
    if (!v->is_number() || v->get<double>() < least || v->get<double>() > most) {
      return Problem(key, fmt::format("must be a number from {} to {}", least, most));
    }
    out = v->get<double>();
  }

  // Three numbers, or one for all three channels.
  void Channels(const char* key, double least, double most, std::array<double, 3>& out) {
    const Json* v = Find(key, Presence::kOptional);
    if (v == nullptr) return;
    const auto bad = [&](const Json& n) {
      return !n.is_number() || n.get<double>() < least || n.get<double>() > most;
    };
    const bool list = v->is_array() && v->size() == 3 && std::none_of(v->begin(), v->end(), bad);
    if (!list && bad(*v))
      return Problem(key,
                     fmt::format("must be a list of three numbers from {} to {}", least, most));
    for (size_t c = 0; c < 3; ++c) out[c] = list ? (*v)[c].get<double>() : v->get<double>();
  }

  void Problem(const char* key, std::string_view what, ErrorCode code = ErrorCode::kCorrupt) {
    if (status_.ok()) {
      status_ = Error{code, fmt::format("'{}': field \"{}{}\" {}", name_, prefix_, key, what)};
    }
  }

 private:
  const Json& object_;
  std::string_view name_;
  std::string prefix_;
  Status status_;
};

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr int64_t kMostArea = int64_t{1} << 40;

}  // namespace

Result<ImageProcessorConfig> ImageProcessorConfig::FromFile(const std::filesystem::path& path) {
  GLM_ASSIGN(const std::string text, ReadFile(path, kMaxFileBytes));
  return FromJson(text, path.string());
}

Result<ImageProcessorConfig> ImageProcessorConfig::FromJson(std::string_view json,
                                                            std::string_view name) {
  GLM_ASSIGN(const Json root, ParseBoundedJson(json, name));
  if (!root.is_object()) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("'{}': not a JSON object; is this a preprocessor_config.json?", name)};
  }
  ImageProcessorConfig config;
  Fields fields(root, name);
  if (const Json* size = fields.Find("size", Presence::kRequired)) {
    if (!size->is_object()) {
      fields.Problem("size", "must be an object with shortest_edge and longest_edge");
    } else {
      Fields areas(*size, name, "size.");
      areas.Count("shortest_edge", config.shortest_edge, kMostArea, Presence::kRequired);
      areas.Count("longest_edge", config.longest_edge, kMostArea, Presence::kRequired);
      GLM_RETURN_IF_ERROR(areas.status());
      if (config.shortest_edge > config.longest_edge) {
        fields.Problem("size", "has a shortest_edge above its longest_edge");
      }
    }
  }
  fields.Count("patch_size", config.patch_size, 1024, Presence::kRequired);
  fields.Count("temporal_patch_size", config.temporal_patch_size, 64);
  fields.Count("merge_size", config.merge_size, 64);
  fields.Flag("do_resize", config.do_resize);
  fields.Flag("do_rescale", config.do_rescale);
  fields.Flag("do_normalize", config.do_normalize);
  fields.Number("rescale_factor", 1e-9, 1e3, config.rescale_factor);
  fields.Channels("image_mean", -1e6, 1e6, config.image_mean);
  fields.Channels("image_std", 1e-6, 1e6, config.image_std);
  int resample = 3;
  fields.Count("resample", resample, 100);
  if (resample != 3) {  // PIL.Image.BICUBIC
    fields.Problem("resample", "names a filter other than bicubic (3)", ErrorCode::kUnsupported);
  }
  GLM_RETURN_IF_ERROR(fields.status());
  return config;
}

}  // namespace glmocr

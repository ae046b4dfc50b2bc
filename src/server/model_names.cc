#include "server/model_names.h"

#include <algorithm>

#include "base/untrusted_text.h"

namespace glmocr::server {
namespace {

constexpr std::string_view kLatest = ":latest";
constexpr size_t kMaxShownBytes = 128;  // of a wrong name

std::string_view WithoutTag(std::string_view name) {
  if (name.ends_with(kLatest)) name.remove_suffix(kLatest.size());
  return name;
}

}  // namespace

bool IsServedModel(const ServerConfig& config, std::string_view name) {
  if (name.empty()) return true;
  const auto is_name = [&](std::string_view known) {
    return known == "*" || WithoutTag(known) == WithoutTag(name);
  };
  return WithoutTag(config.served_model_name) == WithoutTag(name) ||
         std::any_of(config.model_aliases.begin(), config.model_aliases.end(), is_name);
}

std::optional<ApiError> CheckModel(const ServerConfig& config, const std::string& name) {
  if (IsServedModel(config, name)) return std::nullopt;
  std::string known = "'" + config.served_model_name + "'";
  for (const std::string& alias : config.model_aliases) {
    if (alias != config.served_model_name) known += ", '" + alias + "'";
  }
  return ApiError{.status = 404,
                  .message = "The model " + QuoteUntrusted(name.substr(0, kMaxShownBytes)) +
                             " does not exist on this server. It knows " + known + ".",
                  .param = "model",
                  .code = "model_not_found"};
}

}  // namespace glmocr::server

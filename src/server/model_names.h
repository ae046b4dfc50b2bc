// The names that requests may give the model: its own (served_model_name), and those that other
// projects' clients and recipes send (model_aliases). A wrong name is an answer 404 in every API
// that names a model, so that nobody takes this model's text for another's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_error.h"
#include "server/config.h"

namespace glmocr::server {

// Whether `name` means the served model: no name does, and so does a name with Ollama's tag
// ":latest". An alias "*" lets every name mean it.
bool IsServedModel(const ServerConfig& config, std::string_view name);
// An error 404 that lists the known names, unless IsServedModel.
std::optional<ApiError> CheckModel(const ServerConfig& config, const std::string& name);

}  // namespace glmocr::server

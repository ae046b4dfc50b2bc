// The man page and the shells' completions, made of the options that the commands register, so that
// they cannot tell of others.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <string_view>

namespace glmocr::cli {

// roff for section 1. `version`: of the page's footer.
std::string ManPage(const CLI::App& app, std::string_view version);

// A script for bash, zsh or fish; empty for other names.
std::string Completion(const CLI::App& app, std::string_view shell);

}  // namespace glmocr::cli

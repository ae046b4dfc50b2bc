// What lies where a model's folder is expected, in words: people point at hub names, GGUF files,
// checkouts without their weights and quantised copies, and "cannot open config.json" helps none of
// them.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace glmocr {

// OK for a folder with a config.json and weights in safetensors files; neither is read. Otherwise
// an error that says what `path` is and what to do: a name on a model hub, a file (GGUF or other),
// the folder of a hub's cache, weights in PyTorch's or GGUF's format, a file that git-lfs has not
// fetched. kNotFound where nothing is there or files are missing, else kUnsupported.
Status CheckModelFolder(const std::filesystem::path& path);

// Whether a file beginning with `head` is what git-lfs leaves in place of a file not fetched.
bool IsLfsPointer(std::string_view head);

}  // namespace glmocr

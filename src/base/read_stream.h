// Reading pipes and standard input, which may have nothing to give for hours, in a way that can be
// given up: a blocked read would not see that the user has pressed Ctrl-C.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"

namespace glmocr {

// The bytes of standard input. `keep_going` is asked about ten times a second while nothing comes;
// false ends it with kCancelled; empty: never. Else as ReadFile (base/file.h).
Result<std::string> ReadStdin(size_t limit_bytes, const std::function<bool()>& keep_going);

// The bytes of a named pipe, from its opening, which waits for a writer.
Result<std::string> ReadFifo(const std::filesystem::path& path, size_t limit_bytes,
                             const std::function<bool()>& keep_going);
bool IsFifo(const std::filesystem::path& path);

}  // namespace glmocr

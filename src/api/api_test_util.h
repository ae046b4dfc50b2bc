// What the tests of the public interface share: paths, the starter model, the program's reading of
// a file.
#pragma once

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace glmocr_test {

inline const std::filesystem::path kRoot = GLMOCR_SOURCE_DIR;
inline const std::filesystem::path kStarter = kRoot / "models/starter";
inline const std::filesystem::path kPage = kRoot / "samples/page.png";

inline std::string FileBytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What a command prints on standard output.
inline std::string OutputOf(const std::string& command) {
  std::string text;
  std::array<char, 4096> buffer{};
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return text;
  while (const size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    text.append(buffer.data(), n);
  ::pclose(pipe);
  return text;
}

}  // namespace glmocr_test

// Small safetensors images for tests, built by hand so that they can be wrong.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace glmocr {

// length prefix + `header` + `n_data` bytes of value 0, 1, 2, ...
inline std::string SafetensorsImage(std::string_view header, size_t n_data,
                                    uint64_t length_error = 0) {
  std::string image(8, '\0');
  const uint64_t length = header.size() + length_error;
  for (int i = 0; i < 8; ++i) {
    image[static_cast<size_t>(i)] = static_cast<char>(length >> (8 * i) & 0xff);
  }
  image += header;
  for (size_t i = 0; i < n_data; ++i) image += static_cast<char>(i);
  return image;
}

// A directory of its own, removed with everything in it.
class TempFolder {
 public:
  explicit TempFolder(const std::string& path) : path_(path) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace glmocr

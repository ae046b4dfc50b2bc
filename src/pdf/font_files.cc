#include "pdf/font_files.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pdf/sandbox.h"

namespace glmocr::pdf {
namespace {

constexpr int kMaxDepth = 16;  // of folders; links may go round in circles

struct Folder {
  std::vector<std::string> names;
};
struct OpenFolder {
  const Folder* folder = nullptr;
  size_t next = 0;
  dirent64 entry{};
};

struct FontFiles {
  std::map<std::string, Folder, std::less<>> folders;  // by path
  std::map<std::string, int, std::less<>> files;       // descriptors
  std::vector<OpenFolder*> reading;
  bool sealed = false;
};

// The functions below are called by libraries, which pass on no object of ours.
FontFiles& Fonts() {
  static FontFiles& fonts = *new FontFiles;
  return fonts;
}

bool IsFontName(std::string_view name) {
  if (name.size() < 4) return false;
  std::string end(name.substr(name.size() - 4));
  std::transform(end.begin(), end.end(), end.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return end == ".ttf" || end == ".ttc" || end == ".otf";
}

void OpenFile(FontFiles& fonts, const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return;
  // Out of the way of those that are opened later, which have numbers below the limit.
  const int kept = ::fcntl(fd, F_DUPFD_CLOEXEC, kMaxOpenFiles);
  ::close(fd);
  if (kept >= 0) fonts.files.emplace(path, kept);
}

void OpenBelow(FontFiles& fonts, const std::string& path, int depth) {
  if (depth > kMaxDepth || fonts.folders.contains(path)) return;
  DIR* dir = ::opendir(path.c_str());
  if (dir == nullptr) return;
  Folder folder;
  std::vector<std::string> below;
  while (const dirent64* entry = ::readdir64(dir)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    const std::string full = path + "/" + std::string(name);
    struct stat info {};
    const bool known = entry->d_type == DT_DIR || entry->d_type == DT_REG;
    if (!known && ::stat(full.c_str(), &info) != 0) continue;
    const bool is_folder = known ? entry->d_type == DT_DIR : S_ISDIR(info.st_mode);
    if (is_folder) {
      below.push_back(full);
    } else if (IsFontName(name) && (known ? entry->d_type == DT_REG : S_ISREG(info.st_mode))) {
      if (fonts.files.size() >= kMaxFontFiles) continue;
      OpenFile(fonts, full);
      if (!fonts.files.contains(full)) continue;
    } else {
      continue;
    }
    folder.names.emplace_back(name);
  }
  ::closedir(dir);
  fonts.folders.emplace(path, std::move(folder));
  for (const std::string& full : below) OpenBelow(fonts, full, depth + 1);
}

// The C library's own function.
template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int StatFont(const char* path, struct stat* out) {
  const FontFiles& fonts = Fonts();
  *out = {};
  if (fonts.folders.contains(std::string_view(path))) {
    out->st_mode = S_IFDIR | 0555;
    return 0;
  }
  if (const auto file = fonts.files.find(std::string_view(path)); file != fonts.files.end())
    return static_cast<int>(::syscall(SYS_fstat, file->second, out));
  errno = ENOENT;
  return -1;
}

FILE* OpenFont(const char* path) {
  const FontFiles& fonts = Fonts();
  const auto file = fonts.files.find(std::string_view(path));
  if (file == fonts.files.end()) {
    errno = ENOENT;
    return nullptr;
  }
  const int copy = ::dup(file->second);
  if (copy < 0) return nullptr;
  ::lseek(copy, 0, SEEK_SET);
  FILE* stream = ::fdopen(copy, "rb");
  if (stream == nullptr) ::close(copy);
  return stream;
}

}  // namespace

void OpenFontFiles() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    constexpr rlim_t kWanted = kMaxOpenFiles + kMaxFontFiles + 64;
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? kWanted : std::min(limit.rlim_max, kWanted);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  for (const char* folder : {"/usr/share/fonts", "/usr/share/X11/fonts/Type1",
                             "/usr/share/X11/fonts/TTF", "/usr/local/share/fonts"})
    OpenBelow(Fonts(), folder, 0);
}

void SealFontFiles() { Fonts().sealed = true; }

}  // namespace glmocr::pdf

// In place of the C library's, for it and all libraries of this program (the program's symbols are
// found first; exported in CMakeLists.txt).
extern "C" {
// NOLINTBEGIN(readability-identifier-naming)
using glmocr::pdf::Fonts;

FILE* fopen64(const char* path, const char* mode) {
  if (Fonts().sealed) return glmocr::pdf::OpenFont(path);
  static auto* const real = glmocr::pdf::Next<FILE*(const char*, const char*)>("fopen64");
  return real(path, mode);
}

DIR* opendir(const char* path) {
  if (!Fonts().sealed) {
    static auto* const real = glmocr::pdf::Next<DIR*(const char*)>("opendir");
    return real(path);
  }
  const auto folder = Fonts().folders.find(std::string_view(path));
  if (folder == Fonts().folders.end()) {
    errno = ENOENT;
    return nullptr;
  }
  auto* open = new glmocr::pdf::OpenFolder{.folder = &folder->second};
  Fonts().reading.push_back(open);
  return reinterpret_cast<DIR*>(open);
}

dirent64* readdir64(DIR* dir) {
  auto* open = reinterpret_cast<glmocr::pdf::OpenFolder*>(dir);
  const auto& reading = Fonts().reading;
  if (std::find(reading.begin(), reading.end(), open) == reading.end()) {
    static auto* const real = glmocr::pdf::Next<dirent64*(DIR*)>("readdir64");
    return real(dir);
  }
  if (open->next == open->folder->names.size()) return nullptr;
  const std::string& name = open->folder->names[open->next++];
  open->entry.d_name[name.copy(open->entry.d_name, sizeof(open->entry.d_name) - 1)] = '\0';
  return &open->entry;
}

int closedir(DIR* dir) {
  auto* open = reinterpret_cast<glmocr::pdf::OpenFolder*>(dir);
  auto& reading = Fonts().reading;
  const auto found = std::find(reading.begin(), reading.end(), open);
  if (found == reading.end()) {
    static auto* const real = glmocr::pdf::Next<int(DIR*)>("closedir");
    return real(dir);
  }
  reading.erase(found);
  delete open;
  return 0;
}

// Programs that were built against a C library before 2.33 call these by other names. fstat asks
// the kernel without a path: the C library's own call has room for one, and is not allowed.
int __xstat64(int, const char* path, struct stat64* out) {  // NOLINT(bugprone-reserved-identifier)
  auto* info = reinterpret_cast<struct stat*>(out);
  return Fonts().sealed ? glmocr::pdf::StatFont(path, info) : ::fstatat(AT_FDCWD, path, info, 0);
}
int __fxstat64(int, int fd, struct stat64* out) {  // NOLINT(bugprone-reserved-identifier)
  return static_cast<int>(::syscall(SYS_fstat, fd, out));
}
int fstat64(int fd, struct stat64* out) noexcept {
  return static_cast<int>(::syscall(SYS_fstat, fd, out));
}
int fstat(int fd, struct stat* out) noexcept {
  return static_cast<int>(::syscall(SYS_fstat, fd, out));
}
int stat64(const char* path, struct stat64* out) noexcept { return __xstat64(0, path, out); }
// NOLINTEND(readability-identifier-naming)
}

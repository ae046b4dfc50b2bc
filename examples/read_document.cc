// Reads a PDF or a picture with the C++ interface: its Markdown to standard output, or into a file
// in the format of the file's name; progress, warnings and pages that failed to standard error.
//   read_document FILE [OUTPUT.md|.json|.html|.pdf|...]
#include <glmocr/glmocr.h>

#include <iostream>

namespace {

int Fail(const glmocr::Error& error) {
  std::cerr << "read_document: " << error.message << '\n';
  return 1;
}

// The format whose files end as `file` does; "" where there is none.
std::string FormatOf(const std::filesystem::path& file) {
  for (const glmocr::OutputFormat& format : glmocr::OutputFormats()) {
    if (format.ending == file.extension()) return format.name;
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: read_document FILE [OUTPUT]\n";
    return 2;
  }
  const auto dir = glmocr::Model::StarterDir();  // installed with the library
  if (!dir.ok()) return Fail(dir.error());
  const auto model = glmocr::Model::Load(*dir);
  if (!model.ok()) return Fail(model.error());

  glmocr::DocumentOptions options;
  options.on_progress = [](const glmocr::DocumentProgress& progress) {
    std::cerr << '\r' << progress.pages_done << " of " << progress.pages << " pages, "
              << progress.regions_done << " regions " << std::flush;
  };
  auto document = model->OpenDocument(argv[1], options);
  if (!document.ok()) return Fail(document.error());

  glmocr::WriteOptions write;
  write.on_page = [](const glmocr::Page& page) {
    if (page.error) std::cerr << "\nfailed: " << page.error->message << '\n';
  };
  const auto to_stdout = [](std::string_view bytes) {
    return static_cast<bool>(std::cout.write(bytes.data(), std::ssize(bytes)));
  };
  const auto written = argc > 2 ? document->Write(FormatOf(argv[2]), argv[2], write)
                                : document->Write("md", to_stdout, write);
  std::cerr << '\n';
  for (const glmocr::Warning& warning : document->warnings())
    std::cerr << "warning: page " << warning.page << ": " << warning.message << '\n';
  if (!written.ok()) return Fail(written.error());
  return written->pages_failed == 0 ? 0 : 3;
}

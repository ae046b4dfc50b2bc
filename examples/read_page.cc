// Reads a page with the C++ interface: regions to standard error while they come, the text to
// standard output.
//   read_page IMAGE [MODEL_DIR]
#include <glmocr/glmocr.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: read_page IMAGE [MODEL_DIR]\n";
    return 2;
  }
  const auto fail = [](const glmocr::Error& error) {
    std::cerr << "read_page: " << error.message << '\n';
    return 1;
  };
  // The starter model is installed with the library.
  const auto dir =
      argc > 2 ? glmocr::Result<std::filesystem::path>(argv[2]) : glmocr::Model::StarterDir();
  if (!dir.ok()) return fail(dir.error());
  const auto model = glmocr::Model::Load(*dir);
  if (!model.ok()) return fail(model.error());
  const auto image = glmocr::Image::FromFile(argv[1]);
  if (!image.ok()) return fail(image.error());

  glmocr::ReadOptions options;
  options.on_region = [](size_t index, const glmocr::Region& region) {
    std::cerr << "region " << index << " at " << region.box.x << ',' << region.box.y
              << ", confidence " << region.confidence << '\n';
  };
  const auto page = model->Read(*image, options);
  if (!page.ok()) return fail(page.error());
  std::cout << page->text;
  return 0;
}

// Documents through the C interface.
#include <glmocr/c_api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/api_test_util.h"

namespace glmocr_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kReport = (kRoot / "samples/report.pdf").string();

struct Free {
  void operator()(glmocr_error* p) const { glmocr_error_free(p); }
  void operator()(glmocr_model* p) const { glmocr_model_free(p); }
  void operator()(glmocr_page* p) const { glmocr_page_free(p); }
  void operator()(glmocr_document* p) const { glmocr_document_free(p); }
  void operator()(glmocr_canceller* p) const { glmocr_canceller_free(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

// What a call said: its status and message.
struct Said {
  glmocr_status status = GLMOCR_OK;
  std::string message;
};
template <typename Call>
Said Saying(Call call) {
  glmocr_error* error = nullptr;
  Said said{.status = call(&error)};
  said.message = glmocr_error_message(error);
  glmocr_error_free(error);
  EXPECT_EQ(said.status == GLMOCR_OK, said.message.empty());
  return said;
}

Owned<glmocr_model> Load() {
  glmocr_model* model = nullptr;
  EXPECT_EQ(glmocr_model_load(kStarter.c_str(), nullptr, &model, nullptr), GLMOCR_OK);
  return Owned<glmocr_model>(model);
}
glmocr_model* Starter() {
  static const Owned<glmocr_model> model = Load();
  return model.get();
}

glmocr_document_options Options() {
  glmocr_document_options options;
  glmocr_document_options_init(&options, sizeof(options));
  return options;
}

Owned<glmocr_document> Open(const char* path, const glmocr_document_options* options = nullptr) {
  glmocr_document* document = nullptr;
  const Said said = Saying(
      [&](auto error) { return glmocr_document_open(Starter(), path, options, &document, error); });
  EXPECT_EQ(said.status, GLMOCR_OK) << said.message;
  return Owned<glmocr_document>(document);
}

Owned<glmocr_page> Next(glmocr_document* document) {
  glmocr_page* page = nullptr;
  const Said said =
      Saying([&](auto error) { return glmocr_document_next_page(document, &page, error); });
  EXPECT_EQ(said.status, GLMOCR_OK) << said.message;
  return Owned<glmocr_page>(page);
}

int32_t Append(void* user, const char* bytes, size_t n_bytes) {
  static_cast<std::string*>(user)->append(bytes, n_bytes);
  return 1;
}

TEST(CDocument, PagesComeInOrderWithProgressAndWarnings) {
  glmocr_document_options options = Options();
  options.pages = "2-9";
  int32_t pages_done = 0;
  options.user = &pages_done;
  options.on_progress = [](void* user, const glmocr_progress* progress) {
    EXPECT_EQ(progress->pages, 2);
    *static_cast<int32_t*>(user) = progress->pages_done;
  };
  const auto document = Open(kReport.c_str(), &options);
  EXPECT_EQ(glmocr_document_page_count(document.get()), 3);
  EXPECT_EQ(glmocr_document_selected_count(document.get()), 2);
  std::string text;
  std::vector<int32_t> numbers;
  while (const auto page = Next(document.get())) {
    numbers.push_back(glmocr_page_number(page.get()));
    text += (text.empty() ? "" : "\f") + std::string(glmocr_page_text(page.get()));
    const char* message = nullptr;
    EXPECT_EQ(glmocr_page_error(page.get(), &message), GLMOCR_OK);
    EXPECT_STREQ(message, "");
    glmocr_region region{.struct_size = sizeof(region)};
    ASSERT_EQ(glmocr_page_region(page.get(), 0, &region), GLMOCR_OK);
    EXPECT_EQ(region.source, GLMOCR_SOURCE_TEXT_LAYER);
    EXPECT_EQ(region.polygon == nullptr, region.n_polygon == 0);
  }
  EXPECT_THAT(numbers, ElementsAre(2, 3));
  EXPECT_EQ(text, OutputOf(GLM_OCR_PROGRAM " parse -q --pages 2-3 " + kReport));
  EXPECT_EQ(pages_done, 2);
  ASSERT_EQ(glmocr_document_warning_count(document.get()), 1u);
  glmocr_warning warning{.struct_size = sizeof(warning)};
  ASSERT_EQ(glmocr_document_warning(document.get(), 0, &warning), GLMOCR_OK);
  EXPECT_STREQ(warning.kind, "pages_missing");
  EXPECT_EQ(glmocr_document_warning(document.get(), 1, &warning), GLMOCR_INVALID_ARGUMENT);
  EXPECT_EQ(Next(document.get()), nullptr) << "asked again after the last page";
}

TEST(CDocument, WritesBytesOfATiff) {
  const std::string tiff = FileBytes(kRoot / "tests/golden/media/tiff_pages3.tif");
  const auto open = [&] {
    glmocr_document* document = nullptr;
    EXPECT_EQ(glmocr_document_open_bytes(Starter(), tiff.data(), tiff.size(), "pages.tif", nullptr,
                                         &document, nullptr),
              GLMOCR_OK);
    return Owned<glmocr_document>(document);
  };
  const auto document = open();
  glmocr_write_options options;
  glmocr_write_options_init(&options, sizeof(options));
  std::vector<int32_t> numbers;
  options.user = &numbers;
  options.on_page = [](void* user, const glmocr_page* page) {
    static_cast<std::vector<int32_t>*>(user)->push_back(glmocr_page_number(page));
  };
  std::string bytes;
  glmocr_write_result result{.struct_size = sizeof(result)};
  const Said said = Saying([&](auto error) {
    return glmocr_document_write_to(document.get(), "json", Append, &bytes, &options, &result,
                                    error);
  });
  ASSERT_EQ(said.status, GLMOCR_OK) << said.message;
  EXPECT_THAT(numbers, ElementsAre(1, 2, 3));
  EXPECT_EQ(result.pages, 3);
  EXPECT_EQ(result.pages_failed, 0);
  EXPECT_THAT(bytes, HasSubstr("\"pages.tif\""));
  const auto refused = open();
  EXPECT_EQ(glmocr_document_write_to(
                refused.get(), "json", [](void*, const char*, size_t) -> int32_t { return 0; },
                nullptr, nullptr, nullptr, nullptr),
            GLMOCR_CANCELLED);
}

TEST(CDocument, WritesFilesAsTheProgramDoes) {
  std::string folder = (std::filesystem::temp_directory_path() / "glmocr-c-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string file = folder + "/out.md";
  const auto one = Open(kReport.c_str());
  EXPECT_EQ(glmocr_document_write(one.get(), "md", file.c_str(), nullptr, nullptr, nullptr),
            GLMOCR_OK);
  EXPECT_EQ(FileBytes(file), OutputOf(GLM_OCR_PROGRAM " parse -q --to md " + kReport));
  const auto several = Open(kReport.c_str());
  EXPECT_EQ(glmocr_document_write_folder(several.get(), "md,text", folder.c_str(), nullptr, nullptr,
                                         nullptr),
            GLMOCR_OK);
  EXPECT_FALSE(FileBytes(folder + "/report/report.md").empty());
  EXPECT_EQ(FileBytes(folder + "/report/report.txt"),
            OutputOf(GLM_OCR_PROGRAM " parse -q --to text " + kReport));
  std::filesystem::remove_all(folder);
  std::vector<std::string> names;
  for (size_t i = 0; glmocr_format_name(i) != nullptr; ++i)
    names.emplace_back(glmocr_format_name(i));
  EXPECT_THAT(
      names, ElementsAre("md", "sdk-json", "json", "text", "html", "hocr", "alto", "pdf", "jsonl"));
}

TEST(CDocument, CancelsFromAnotherThreadAndByItsCanceller) {
  const auto document = Open(kReport.c_str());
  std::jthread([&] { glmocr_document_cancel(document.get()); }).join();
  glmocr_page* page = nullptr;
  const Said said =
      Saying([&](auto error) { return glmocr_document_next_page(document.get(), &page, error); });
  EXPECT_EQ(said.status, GLMOCR_CANCELLED);
  EXPECT_EQ(page, nullptr);
  glmocr_canceller* canceller = nullptr;
  ASSERT_EQ(glmocr_canceller_new(&canceller, nullptr), GLMOCR_OK);
  glmocr_document_options options = Options();
  options.canceller = canceller;
  const auto other = Open(kReport.c_str(), &options);
  glmocr_canceller_cancel(canceller);
  glmocr_canceller_free(canceller);  // the document has what it needs
  EXPECT_EQ(glmocr_document_next_page(other.get(), &page, nullptr), GLMOCR_CANCELLED);
}

TEST(CDocument, Errors) {
  glmocr_document* document = nullptr;
  const auto open = [&](const glmocr_document_options* options) {
    return Saying([&](auto error) {
      return glmocr_document_open(Starter(), kReport.c_str(), options, &document, error);
    });
  };
  EXPECT_EQ(glmocr_document_open(nullptr, "x", nullptr, &document, nullptr),
            GLMOCR_INVALID_ARGUMENT);
  EXPECT_EQ(glmocr_document_open(Starter(), nullptr, nullptr, &document, nullptr),
            GLMOCR_INVALID_ARGUMENT);
  EXPECT_EQ(glmocr_document_open(Starter(), "x", nullptr, nullptr, nullptr),
            GLMOCR_INVALID_ARGUMENT);
  EXPECT_EQ(glmocr_document_open_bytes(Starter(), nullptr, 0, "x", nullptr, &document, nullptr),
            GLMOCR_INVALID_ARGUMENT);
  EXPECT_EQ(glmocr_document_next_page(nullptr, nullptr, nullptr), GLMOCR_INVALID_ARGUMENT);
  EXPECT_EQ(glmocr_document_write(nullptr, "md", "x", nullptr, nullptr, nullptr),
            GLMOCR_INVALID_ARGUMENT);
  EXPECT_EQ(glmocr_document_page_count(nullptr), 0);
  glmocr_document_cancel(nullptr);
  glmocr_document_free(nullptr);
  EXPECT_EQ(glmocr_page_number(nullptr), 0);
  EXPECT_EQ(glmocr_page_warning_count(nullptr), 0u);

  glmocr_document_options options = Options();
  options.pages = "7";
  EXPECT_EQ(open(&options).status, GLMOCR_INVALID_ARGUMENT);
  options = Options();
  options.dpi = 1;
  EXPECT_THAT(open(&options).message, HasSubstr("dpi"));
  options = Options();
  options.struct_size = 1;
  EXPECT_THAT(open(&options).message, HasSubstr("glmocr_document_options_init"));
  options = Options();
  options.n_stop = 1;
  EXPECT_THAT(open(&options).message, HasSubstr("n_stop"));
  glmocr_image_options image;
  glmocr_image_options_init(&image, sizeof(image));
  image.max_pixels = 0;
  options = Options();
  options.image = &image;
  EXPECT_THAT(open(&options).message, HasSubstr("max_pixels"));
  EXPECT_EQ(document, nullptr);

  const auto good = Open(kReport.c_str());
  glmocr_write_options write;
  glmocr_write_options_init(&write, sizeof(write));
  write.strict = 2;
  EXPECT_EQ(glmocr_document_write(good.get(), "md", "x", &write, nullptr, nullptr),
            GLMOCR_INVALID_ARGUMENT);
  const Said said = Saying([&](auto error) {
    return glmocr_document_write(good.get(), "docx", "x", nullptr, nullptr, error);
  });
  EXPECT_THAT(said.message, HasSubstr("docx"));
}

// What a program that was built with the first header passes: nothing behind `drafts`, `label`.
TEST(CDocument, OlderStructsStayGood) {
  glmocr_load_options load;
  const size_t old_load = offsetof(glmocr_load_options, layout_model);
  glmocr_load_options_init(&load, old_load);
  load.layout_model = "no/such/folder";  // behind its end
  glmocr_model* model = nullptr;
  ASSERT_EQ(glmocr_model_load(kStarter.c_str(), &load, &model, nullptr), GLMOCR_OK);
  glmocr_model_free(model);
  const auto document = Open(kReport.c_str());
  const auto page = Next(document.get());
  glmocr_region region;
  std::memset(&region, 0x55, sizeof(region));
  region.struct_size = offsetof(glmocr_region, polygon);
  ASSERT_EQ(glmocr_page_region(page.get(), 0, &region), GLMOCR_OK);
  EXPECT_EQ(region.n_polygon, static_cast<size_t>(0x5555555555555555)) << "not its to write";
}

TEST(CFork, TheChildGetsErrorsAtOnce) {
  Owned<glmocr_model> model = Load();
  Owned<glmocr_document> document = Open(kReport.c_str());
  ASSERT_NE(Next(document.get()), nullptr);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(20);
    glmocr_page* page = nullptr;
    glmocr_document* other = nullptr;
    if (glmocr_document_next_page(document.get(), &page, nullptr) != GLMOCR_UNSUPPORTED) ::_exit(2);
    if (glmocr_document_open(model.get(), "x", nullptr, &other, nullptr) != GLMOCR_UNSUPPORTED)
      ::_exit(3);
    document.reset();
    model.reset();
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_NE(Next(document.get()), nullptr) << "the parent goes on";
}

}  // namespace
}  // namespace glmocr_test

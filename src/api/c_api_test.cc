// The C interface, called from C++ (examples/read_page.c and the install test show that the header
// is C99).
#include <glmocr/c_api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "api/api_test_util.h"

namespace glmocr_test {
namespace {

using testing::HasSubstr;

struct Free {
  void operator()(glmocr_error* p) const { glmocr_error_free(p); }
  void operator()(glmocr_image* p) const { glmocr_image_free(p); }
  void operator()(glmocr_model* p) const { glmocr_model_free(p); }
  void operator()(glmocr_page* p) const { glmocr_page_free(p); }
  void operator()(glmocr_canceller* p) const { glmocr_canceller_free(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

// Calls `function(..., &handle, &error)`, expects success.
template <typename T, typename Call>
Owned<T> Must(Call call) {
  T* out = nullptr;
  glmocr_error* error = nullptr;
  const glmocr_status status = call(&out, &error);
  const Owned<glmocr_error> owned(error);
  EXPECT_EQ(status, GLMOCR_OK) << glmocr_error_message(error);
  EXPECT_EQ(error, nullptr);
  return Owned<T>(out);
}

template <typename T, typename Call>
void MustFail(glmocr_status wanted, const char* part, Call call) {
  T* out = reinterpret_cast<T*>(&out);  // must be overwritten
  glmocr_error* error = nullptr;
  EXPECT_EQ(call(&out, &error), wanted) << glmocr_error_message(error);
  EXPECT_EQ(out, nullptr);
  EXPECT_THAT(glmocr_error_message(error), HasSubstr(part));
  glmocr_error_free(error);
  EXPECT_EQ(call(&out, nullptr), wanted) << "without an error to fill in";
}

glmocr_model* Starter() {
  static const Owned<glmocr_model> model = Must<glmocr_model>([](auto out, auto error) {
    return glmocr_model_load(kStarter.c_str(), nullptr, out, error);
  });
  return model.get();
}

Owned<glmocr_image> Page() {
  return Must<glmocr_image>([](auto out, auto error) {
    return glmocr_image_from_file(kPage.c_str(), nullptr, out, error);
  });
}

glmocr_read_options Options() {
  glmocr_read_options options;
  glmocr_read_options_init(&options, sizeof(options));
  return options;
}

TEST(CApi, Versions) {
  EXPECT_EQ(glmocr_c_api_version(), GLMOCR_C_API_VERSION);
  const std::string program = OutputOf(GLM_OCR_PROGRAM " --version");
  EXPECT_TRUE(program.starts_with(std::string("glm-ocr ") + glmocr_version())) << program;
}

TEST(CApi, ReadsWhatTheProgramReads) {
  const auto image = Page();
  const auto page = Must<glmocr_page>([&](auto out, auto error) {
    return glmocr_read(Starter(), image.get(), nullptr, out, error);
  });
  EXPECT_EQ(glmocr_page_text(page.get()), OutputOf(GLM_OCR_PROGRAM " parse " + kPage.string()));
  EXPECT_EQ(glmocr_page_markdown(page.get()),
            OutputOf(GLM_OCR_PROGRAM " parse -f md " + kPage.string()));
  EXPECT_EQ(glmocr_page_skew_degrees(page.get()), 0);
  ASSERT_GT(glmocr_page_region_count(page.get()), 10u);
  int64_t n_tokens = 0;
  for (size_t r = 0; r < glmocr_page_region_count(page.get()); ++r) {
    glmocr_region region{.struct_size = sizeof(region)};
    ASSERT_EQ(glmocr_page_region(page.get(), r, &region), GLMOCR_OK);
    EXPECT_EQ(std::strlen(region.text), region.text_bytes);
    EXPECT_THAT(glmocr_page_text(page.get()), HasSubstr(region.text));
    EXPECT_LE(region.x + region.width, glmocr_image_width(image.get()));
    EXPECT_LE(region.y + region.height, glmocr_image_height(image.get()));
    EXPECT_EQ(region.finish, GLMOCR_FINISH_STOP);
    double log_probability = 0;
    for (size_t t = 0; t < region.n_tokens; ++t) {
      glmocr_token token{.struct_size = sizeof(token)};
      ASSERT_EQ(glmocr_page_token(page.get(), r, t, &token), GLMOCR_OK);
      log_probability += std::log(token.probability);
    }
    EXPECT_NEAR(std::exp(log_probability / static_cast<double>(region.n_tokens)), region.confidence,
                1e-5);
    n_tokens += static_cast<int64_t>(region.n_tokens);
  }
  glmocr_stats stats{.struct_size = sizeof(stats)};
  ASSERT_EQ(glmocr_page_stats(page.get(), &stats), GLMOCR_OK);
  EXPECT_GT(stats.generated_tokens, n_tokens);
  EXPECT_GE(stats.total_s, stats.first_token_s);
}

TEST(CApi, CallbacksGetTheTextAndTheUserPointer) {
  struct Heard {
    std::map<size_t, std::string> text, regions;
  } heard;
  glmocr_read_options options = Options();
  options.user = &heard;
  options.on_text = [](void* user, size_t region, const char* text, size_t n) {
    static_cast<Heard*>(user)->text[region].append(text, n);
  };
  options.on_region = [](void* user, size_t index, const glmocr_region* region) {
    static_cast<Heard*>(user)->regions[index].assign(region->text, region->text_bytes);
  };
  const auto image = Page();
  const auto page = Must<glmocr_page>([&](auto out, auto error) {
    return glmocr_read(Starter(), image.get(), &options, out, error);
  });
  EXPECT_EQ(heard.text, heard.regions);
  EXPECT_EQ(heard.regions.size(), glmocr_page_region_count(page.get()));
}

TEST(CApi, CancelFromAnotherThread) {
  const auto canceller =
      Must<glmocr_canceller>([](auto out, auto error) { return glmocr_canceller_new(out, error); });
  std::atomic<int> state = 0;  // 1: text has come; 2: cancelled
  glmocr_read_options options = Options();
  options.canceller = canceller.get();
  options.user = &state;
  options.on_text = [](void* user, size_t, const char*, size_t) {
    auto& state = *static_cast<std::atomic<int>*>(user);
    int expected = 0;
    state.compare_exchange_strong(expected, 1);
    while (state != 2) std::this_thread::yield();
  };
  std::jthread other([&] {
    while (state != 1) std::this_thread::yield();
    glmocr_canceller_cancel(canceller.get());
    state = 2;
  });
  const auto image = Page();
  MustFail<glmocr_page>(GLMOCR_CANCELLED, "cancelled", [&](auto out, auto error) {
    return glmocr_read(Starter(), image.get(), &options, out, error);
  });
}

TEST(CApi, ThrowingCallbackIsAnError) {
  glmocr_read_options options = Options();
  options.on_region = [](void*, size_t, const glmocr_region*) { throw 1; };
  const auto image = Page();
  MustFail<glmocr_page>(GLMOCR_INTERNAL, "callback", [&](auto out, auto error) {
    return glmocr_read(Starter(), image.get(), &options, out, error);
  });
}

TEST(CApi, NullPointersAreErrors) {
  const auto image = Page();
  const auto invalid = [](auto type, auto call) {
    MustFail<typename decltype(type)::element_type>(GLMOCR_INVALID_ARGUMENT, "NULL", call);
  };
  invalid(Owned<glmocr_image>(), [](auto out, auto error) {
    return glmocr_image_from_file(nullptr, nullptr, out, error);
  });
  invalid(Owned<glmocr_image>(), [](auto out, auto error) {
    return glmocr_image_from_bytes(nullptr, 5, nullptr, out, error);
  });
  invalid(Owned<glmocr_image>(),
          [](auto out, auto error) { return glmocr_image_from_rgb(nullptr, 1, 1, 3, out, error); });
  invalid(Owned<glmocr_page>(), [&](auto out, auto error) {
    return glmocr_read(nullptr, image.get(), nullptr, out, error);
  });
  invalid(Owned<glmocr_page>(), [](auto out, auto error) {
    return glmocr_read(Starter(), nullptr, nullptr, out, error);
  });
  glmocr_read_options stops = Options();
  stops.n_stop = 1;
  invalid(Owned<glmocr_page>(), [&](auto out, auto error) {
    return glmocr_read(Starter(), image.get(), &stops, out, error);
  });
  const char* none = nullptr;
  stops.stop = &none;
  invalid(Owned<glmocr_page>(), [&](auto out, auto error) {
    return glmocr_read(Starter(), image.get(), &stops, out, error);
  });

  EXPECT_EQ(glmocr_image_from_file(kPage.c_str(), nullptr, nullptr, nullptr),
            GLMOCR_INVALID_ARGUMENT);
  EXPECT_EQ(glmocr_model_load(kStarter.c_str(), nullptr, nullptr, nullptr),
            GLMOCR_INVALID_ARGUMENT);
  EXPECT_EQ(glmocr_canceller_new(nullptr, nullptr), GLMOCR_INVALID_ARGUMENT);
  EXPECT_EQ(glmocr_count_pages(nullptr, 0, nullptr, nullptr), GLMOCR_INVALID_ARGUMENT);
  EXPECT_EQ(glmocr_read(Starter(), image.get(), nullptr, nullptr, nullptr),
            GLMOCR_INVALID_ARGUMENT);
  glmocr_region region{.struct_size = sizeof(region)};
  glmocr_token token{.struct_size = sizeof(token)};
  glmocr_stats stats{.struct_size = sizeof(stats)};
  EXPECT_EQ(glmocr_page_region(nullptr, 0, &region), GLMOCR_INVALID_ARGUMENT);
  EXPECT_EQ(glmocr_page_token(nullptr, 0, 0, &token), GLMOCR_INVALID_ARGUMENT);
  EXPECT_EQ(glmocr_page_stats(nullptr, &stats), GLMOCR_INVALID_ARGUMENT);
  EXPECT_STREQ(glmocr_page_text(nullptr), "");
  EXPECT_STREQ(glmocr_page_markdown(nullptr), "");
  EXPECT_EQ(glmocr_page_region_count(nullptr), 0u);
  EXPECT_EQ(glmocr_image_width(nullptr), 0);
  EXPECT_STREQ(glmocr_error_message(nullptr), "");
  glmocr_canceller_cancel(nullptr);
  glmocr_image_free(nullptr);
  glmocr_model_free(nullptr);
  glmocr_page_free(nullptr);
  glmocr_canceller_free(nullptr);
  glmocr_error_free(nullptr);
  glmocr_image_options_init(nullptr, 0);
  glmocr_load_options_init(nullptr, 0);
  glmocr_read_options_init(nullptr, 0);
}

TEST(CApi, BadInput) {
  const std::vector<uint8_t> pixels(300);
  MustFail<glmocr_model>(GLMOCR_NOT_FOUND, "no/such", [](auto out, auto error) {
    return glmocr_model_load("no/such", nullptr, out, error);
  });
  MustFail<glmocr_image>(GLMOCR_NOT_FOUND, "no/such", [](auto out, auto error) {
    return glmocr_image_from_file("no/such", nullptr, out, error);
  });
  MustFail<glmocr_image>(GLMOCR_UNSUPPORTED, "memory", [](auto out, auto error) {
    return glmocr_image_from_bytes("garbage", 7, nullptr, out, error);
  });
  MustFail<glmocr_image>(GLMOCR_INVALID_ARGUMENT, "stride", [&](auto out, auto error) {
    return glmocr_image_from_rgb(pixels.data(), 10, 10, 0, out, error);
  });
  MustFail<glmocr_image>(GLMOCR_RESOURCE_EXHAUSTED, "60000", [&](auto out, auto error) {
    return glmocr_image_from_rgb(pixels.data(), 60000, 60000, 180000, out, error);
  });
  const auto image = Page();
  const auto refused = [&](const char* part, auto change) {
    glmocr_read_options options = Options();
    change(options);
    MustFail<glmocr_page>(GLMOCR_INVALID_ARGUMENT, part, [&](auto out, auto error) {
      return glmocr_read(Starter(), image.get(), &options, out, error);
    });
  };
  refused("layout", [](auto& o) { o.layout = 99; });
  refused("task", [](auto& o) { o.task = -1; });
  refused("temperature", [](auto& o) { o.temperature = NAN; });
  refused("struct_size", [](auto& o) { o.struct_size = 0; });
}

// Older programs bring shorter structs, newer ones longer.
TEST(CApi, StructsOfOtherVersions) {
  const auto image = Page();
  glmocr_read_options options = Options();
  options.struct_size =
      offsetof(glmocr_read_options, prompt);  // as if layout and task were all there is
  options.max_new_tokens = -5;                // behind its end: not looked at
  options.layout = GLMOCR_LAYOUT_LINES;
  const auto page = Must<glmocr_page>([&](auto out, auto error) {
    return glmocr_read(Starter(), image.get(), &options, out, error);
  });
  EXPECT_GT(glmocr_page_region_count(page.get()), 10u);

  struct Newer {
    glmocr_read_options known;
    int64_t unknown;
  } newer;
  glmocr_read_options_init(&newer.known, sizeof(newer));
  EXPECT_EQ(newer.known.struct_size, sizeof(newer));
  EXPECT_EQ(newer.unknown, 0);
  EXPECT_NE(Must<glmocr_page>([&](auto out, auto error) {
              return glmocr_read(Starter(), image.get(), &newer.known, out, error);
            }),
            nullptr);
  newer.unknown = 1;
  MustFail<glmocr_page>(GLMOCR_UNSUPPORTED, "version", [&](auto out, auto error) {
    return glmocr_read(Starter(), image.get(), &newer.known, out, error);
  });

  struct {
    glmocr_region known;
    int64_t unknown;
  } region{.known = {.struct_size = sizeof(region)}, .unknown = 5};
  ASSERT_EQ(glmocr_page_region(page.get(), 0, &region.known), GLMOCR_OK);
  EXPECT_EQ(region.unknown, 0);
  EXPECT_EQ(region.known.struct_size, sizeof(region));
  glmocr_region shorter{.struct_size = offsetof(glmocr_region, x), .x = -77};
  ASSERT_EQ(glmocr_page_region(page.get(), 0, &shorter), GLMOCR_OK);
  EXPECT_EQ(shorter.x, -77) << "written behind the caller's struct";
  EXPECT_STREQ(shorter.text, region.known.text);
  shorter.struct_size = 0;
  EXPECT_EQ(glmocr_page_region(page.get(), 0, &shorter), GLMOCR_INVALID_ARGUMENT);
  EXPECT_EQ(glmocr_page_region(page.get(), 100000, &region.known), GLMOCR_INVALID_ARGUMENT);
  glmocr_token token{.struct_size = sizeof(token)};
  EXPECT_EQ(glmocr_page_token(page.get(), 0, 100000, &token), GLMOCR_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace glmocr_test

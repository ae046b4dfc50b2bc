#include "server/multipart.h"

#include <gtest/gtest.h>

namespace glmocr::server {
namespace {

constexpr const char* kType = "multipart/form-data; boundary=\"b o\"";

Result<std::vector<FormPart>> Parse(const std::string& body, const std::string& type = kType) {
  return ParseMultipart(type, body, 4);
}

std::string Part(const std::string& disposition, const std::string& content) {
  return "--b o\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n";
}

TEST(Multipart, GivesFieldsAndFilesByteForByte) {
  std::string bytes;
  for (int i = 0; i < 70000; ++i) bytes += static_cast<char>(i * 7 % 256);
  bytes += "\r\n--b \r\n--not the boundary\r\n\r\n";
  const auto parts =
      Parse(Part("name=pages", "1-3") + Part(R"(name="file"; filename="a \"b\".pdf")", bytes) +
            Part(R"(name="file"; filename="")", "") + "--b o--\r\n");
  ASSERT_TRUE(parts.ok()) << parts.error().message;
  ASSERT_EQ(parts->size(), 3U);
  EXPECT_EQ((*parts)[0].name, "pages");
  EXPECT_EQ((*parts)[0].content, "1-3");
  EXPECT_FALSE((*parts)[0].is_file);
  EXPECT_EQ((*parts)[1].file_name, "a \"b\".pdf");
  EXPECT_TRUE((*parts)[1].content == bytes);
  EXPECT_TRUE((*parts)[2].is_file);
  EXPECT_EQ((*parts)[2].content, "");
}

TEST(Multipart, RefusesWhatIsMalformed) {
  const std::string good = Part("name=a", "1");
  EXPECT_TRUE(Parse(good + "--b o--").ok());
  EXPECT_FALSE(Parse(good).ok()) << "cut off before the last boundary";
  EXPECT_FALSE(Parse("").ok());
  EXPECT_FALSE(Parse(Part("x=1", "1") + "--b o--").ok()) << "a part without a name";
  EXPECT_FALSE(Parse(good + good + good + good + good + "--b o--").ok()) << "too many parts";
  EXPECT_FALSE(Parse(good + "--b o--", "multipart/form-data").ok()) << "no boundary";
  EXPECT_FALSE(
      Parse(good + "--b o--", "multipart/form-data; boundary=" + std::string(71, 'b')).ok());
  std::string many_headers = "--b o\r\n";
  for (int i = 0; i < 1000; ++i) many_headers += "X-" + std::to_string(i) + ": 1\r\n";
  EXPECT_FALSE(Parse(many_headers + "\r\n1\r\n--b o--").ok());
}

}  // namespace
}  // namespace glmocr::server

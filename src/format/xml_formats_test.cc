// hOCR and ALTO are read back by libxml2, which refuses what is not well-formed.
#include "format/xml_formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "format/test_page.h"

namespace glmocr {
namespace {

class Xml {
 public:
  Xml(const std::string& text, const char* name_space)
      : document_(xmlReadMemory(text.data(), static_cast<int>(text.size()), "test", "UTF-8",
                                XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                    XML_PARSE_PEDANTIC),
                  xmlFreeDoc) {
    EXPECT_TRUE(document_) << (xmlGetLastError() ? xmlGetLastError()->message : "") << text;
    if (!document_) return;
    context_.reset(xmlXPathNewContext(document_.get()));
    xmlXPathRegisterNs(context_.get(), BAD_CAST "n", BAD_CAST name_space);
  }

  // The string values of what an XPath expression selects.
  std::vector<std::string> All(const std::string& xpath) const {
    std::vector<std::string> out;
    if (!context_) return out;
    const std::unique_ptr<xmlXPathObject, void (*)(xmlXPathObjectPtr)> found(
        xmlXPathEvalExpression(BAD_CAST xpath.c_str(), context_.get()), xmlXPathFreeObject);
    EXPECT_TRUE(found) << xpath;
    for (int i = 0; found && found->nodesetval && i < found->nodesetval->nodeNr; ++i) {
      xmlChar* value = xmlNodeGetContent(found->nodesetval->nodeTab[i]);
      out.emplace_back(reinterpret_cast<const char*>(value));
      xmlFree(value);
    }
    return out;
  }
  std::string One(const std::string& xpath) const {
    const auto all = All(xpath);
    EXPECT_FALSE(all.empty()) << xpath;
    return all.empty() ? "" : all[0];
  }

 private:
  std::unique_ptr<xmlDoc, void (*)(xmlDocPtr)> document_;
  struct ContextDelete {
    void operator()(xmlXPathContextPtr c) const { xmlXPathFreeContext(c); }
  };
  std::unique_ptr<xmlXPathContext, ContextDelete> context_;
};

TEST(Hocr, IsWellFormedAndHoldsEveryWordInItsLine) {
  HocrWriter writer;
  writer.AddPage(TestPage());
  ReadPage second = TestPage();
  second.page = 2;
  writer.AddPage(second);
  const Xml xml(writer.Finish(), "http://www.w3.org/1999/xhtml");
  EXPECT_EQ(xml.All("//n:div[@class='ocr_page']").size(), 2u);
  EXPECT_EQ(xml.One("//n:div[@class='ocr_page']/@title"),
            "image \"scans/a \\\"b\\\" <c>.png\"; bbox 0 0 1000 2000; ppageno 0");
  const std::string lines =
      "//n:div[@id='page_2']/n:div[@class='ocr_carea']/n:p[@class='ocr_par']/"
      "n:span[@class='ocr_line']";
  EXPECT_EQ(xml.One(lines + "[1]/@title"), "bbox 100 50 270 110; baseline 0 -15");
  const std::string word = "/n:span[@class='ocrx_word']";
  EXPECT_THAT(xml.All("//n:div[@id='block_1_2']//n:span[@class='ocr_line'][2]" + word),
              ::testing::ElementsAre("a", "second", "of", "3", "<", "4", "words."));
  EXPECT_EQ(xml.One("//n:div[@id='block_1_2']//n:span[@class='ocr_line'][2]"),
            "a second of 3 < 4 words.");
  EXPECT_EQ(xml.One("//n:div[@id='block_1_2']//n:span[@class='ocr_line'][2]" + word + "[1]/@title"),
            "bbox 100 194 115 230; x_wconf 25");
  EXPECT_EQ(xml.One("//n:div[@class='ocr_photo']/@title"), "bbox 100 1400 300 1500");
  // Identifiers are unique, as XML asks.
  std::vector<std::string> ids = xml.All("//@id");
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
  EXPECT_EQ(xml.One("//n:div[@id='block_1_12']//n:span[@class='ocr_line']"),
            "<script>alert(\"1\")</script> ]]> & \uFFFD \uFFFD end");
}

TEST(Alto, IsWellFormedAndHoldsEveryWordInItsLine) {
  AltoWriter writer;
  writer.AddPage(TestPage());
  ReadPage second = TestPage();
  second.page = 2;
  writer.AddPage(second);
  const Xml xml(writer.Finish(), "http://www.loc.gov/standards/alto/ns-v4#");
  EXPECT_EQ(xml.One("/n:alto/n:Description/n:MeasurementUnit"), "pixel");
  EXPECT_EQ(xml.One("/n:alto/n:Description/n:sourceImageInformation/n:fileName"),
            "scans/a \"b\" <c>.png");
  EXPECT_THAT(xml.All("/n:alto/n:Layout/n:Page/@PHYSICAL_IMG_NR"),
              ::testing::ElementsAre("1", "2"));
  const std::string line =
      "/n:alto/n:Layout/n:Page[2]/n:PrintSpace/n:TextBlock[@ID='block_2_2']/n:TextLine[2]";
  EXPECT_THAT(xml.All(line + "/n:String/@CONTENT"),
              ::testing::ElementsAre("a", "second", "of", "3", "<", "4", "words."));
  EXPECT_EQ(xml.All(line + "/n:SP").size(), 6u);
  EXPECT_EQ(xml.One(line + "/@BASELINE"), "221");
  EXPECT_EQ(xml.One(line + "/n:String[1]/@HPOS"), "100");
  EXPECT_EQ(xml.One(line + "/n:String[1]/@VPOS"), "194");
  EXPECT_EQ(xml.One(line + "/n:String[1]/@WIDTH"), "15");
  EXPECT_EQ(xml.One(line + "/n:String[1]/@HEIGHT"), "36");
  EXPECT_EQ(xml.One(line + "/n:String[1]/@WC"), "0.25");
  EXPECT_EQ(xml.All("//n:Illustration").size(), 2u);
  // Every reference to a tag has its tag.
  for (const std::string& tag : xml.All("//@TAGREFS"))
    EXPECT_EQ(xml.All("/n:alto/n:Tags/n:LayoutTag[@ID='" + tag + "']").size(), 1u) << tag;
}

TEST(XmlFormats, PagesWithoutTextAreStillPages) {
  ReadPage page = TestPage();
  page.regions.clear();
  HocrWriter hocr;
  hocr.AddPage(page);
  EXPECT_EQ(Xml(hocr.Finish(), "http://www.w3.org/1999/xhtml").All("//n:div").size(), 1u);
  AltoWriter alto;
  alto.AddPage(page);
  EXPECT_EQ(
      Xml(alto.Finish(), "http://www.loc.gov/standards/alto/ns-v4#").All("//n:PrintSpace").size(),
      1u);
}

}  // namespace
}  // namespace glmocr

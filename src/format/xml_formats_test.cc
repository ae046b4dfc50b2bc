// hOCR and ALTO are read back by libxml2, which refuses what is not well-formed.
#include "format/xml_formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libxml/HTMLparser.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

#include <cmath>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "format/test_page.h"
#include "media/page_transform.h"

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

// Where a line of the upright page (100, 200) to (500, 200) is when the page is turned.
ReadPage PageWithLine(const PageTransform& transform) {
  ReadPage page;
  page.source = "x.png";
  page.width_px = transform.input_width_px();
  page.height_px = transform.input_height_px();
  ReadRegion region;
  region.text = "a line";
  const Box box = {100, 180, 400, 25};
  region.box_px = transform.ToInput(box);
  if (!transform.KeepsAxes()) {
    for (const PointF& p : transform.CornersInInput(box))
      region.polygon_px.push_back(
          {static_cast<int>(std::lround(p.x)), static_cast<int>(std::lround(p.y))});
  }
  region.lines = {
      {.box_px = region.box_px,
       .text = region.text,
       .confidence = 0.5F,
       .place = {transform.ToInput(PointF{100, 200}), transform.ToInput(PointF{500, 200}), 20, 5}}};
  page.regions = {region};
  return page;
}

std::string HocrLine(const ReadPage& page) {
  HocrWriter writer;
  writer.AddPage(page);
  return Xml(writer.Finish(), "http://www.w3.org/1999/xhtml")
      .One("//n:span[@class='ocr_line']/@title");
}

TEST(Hocr, BaselinesOfTurnedLines) {
  EXPECT_EQ(HocrLine(PageWithLine(PageTransform::Identity(1000, 2000))),
            "bbox 100 180 500 205; baseline 0 -5");
  // tan(1.2 degrees) = 0.0209; the corner that rounds to (100, 180) is the turn's fixed point, 20
  // above the baseline, and the box ends 8.4 + 25 below it.
  EXPECT_EQ(
      HocrLine(PageWithLine(PageTransform::Rotation(1.2, {100, 180}, {100, 180}, 1000, 2000))),
      "bbox 99 180 500 214; baseline 0.0209 -14");
  // A page of 1000 x 2000 that lies on its side: the line runs down, up, or upside down.
  EXPECT_EQ(HocrLine(PageWithLine(PageTransform::QuarterTurns(1, 2000, 1000))),
            "bbox 1795 100 1820 500; textangle 270; baseline 0 -5");
  EXPECT_EQ(HocrLine(PageWithLine(PageTransform::QuarterTurns(2, 1000, 2000))),
            "bbox 500 1795 900 1820; textangle 180; baseline 0 -5");
  EXPECT_EQ(HocrLine(PageWithLine(PageTransform::QuarterTurns(3, 2000, 1000))),
            "bbox 180 500 205 900; textangle 90; baseline 0 -5");
}

TEST(Alto, TurnedLinesHaveTwoPointsAndBlocksTheirTurn) {
  const auto block = [](const PageTransform& transform, const std::string& what) {
    AltoWriter writer;
    writer.AddPage(PageWithLine(transform));
    const auto all = Xml(writer.Finish(), "http://www.loc.gov/standards/alto/ns-v4#")
                         .All("//n:TextBlock" + what);
    return all.empty() ? "none" : all[0];
  };
  const PageTransform straight = PageTransform::Identity(1000, 2000);
  EXPECT_EQ(block(straight, "/@ROTATION"), "none");
  EXPECT_EQ(block(straight, "/n:Shape"), "none");
  EXPECT_EQ(block(straight, "//@BASELINE"), "200");
  const PageTransform turned = PageTransform::Rotation(1.2, {100, 180}, {100, 180}, 1000, 2000);
  EXPECT_EQ(block(turned, "/@ROTATION"), "-1.20");
  EXPECT_EQ(block(turned, "/n:Shape/n:Polygon/@POINTS"), "100,180 500,188 499,213 99,205");
  EXPECT_EQ(block(turned, "//@BASELINE"), "100,200 499,208");
  EXPECT_EQ(block(PageTransform::QuarterTurns(3, 2000, 1000), "/@ROTATION"), "90.00");
}

// Words of the document as libxml2's HTML parser sees it, in document order, if each is in its
// page.
std::vector<std::string> HtmlWords(const std::string& text) {
  const std::unique_ptr<xmlDoc, void (*)(xmlDocPtr)> document(
      htmlReadMemory(text.data(), static_cast<int>(text.size()), "test", "UTF-8",
                     HTML_PARSE_NONET | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING),
      xmlFreeDoc);
  std::vector<std::string> out;
  if (!document) return out;
  const std::unique_ptr<xmlXPathContext, void (*)(xmlXPathContextPtr)> context(
      xmlXPathNewContext(document.get()), xmlXPathFreeContext);
  const std::unique_ptr<xmlXPathObject, void (*)(xmlXPathObjectPtr)> found(
      xmlXPathEvalExpression(BAD_CAST "/html/body/div[@class='ocr_page']/div/p/span/"
                                      "span[@class='ocrx_word']",
                             context.get()),
      xmlXPathFreeObject);
  for (int i = 0; found && found->nodesetval && i < found->nodesetval->nodeNr; ++i) {
    xmlChar* value = xmlNodeGetContent(found->nodesetval->nodeTab[i]);
    out.emplace_back(reinterpret_cast<const char*>(value));
    xmlFree(value);
  }
  return out;
}

TEST(Hocr, HtmlAndXmlParsersSeeTheSameWhateverTheNamesAndTextsAre) {
  const std::vector<std::string> hostile = {"",
                                            "plain",
                                            "two\nlines",
                                            "\r\n",
                                            "tab\there",
                                            "\"quoted\"",
                                            "back\\slash\\",
                                            "a; bbox 9 9 9 9",
                                            "</title><script>x</script>",
                                            "</span></p></div>",
                                            "<!-- ",
                                            "--> ]]>",
                                            "&amp; &lt; &#0;",
                                            "'single'",
                                            "<title/>",
                                            "<plaintext>",
                                            std::string("nul\0in", 6),
                                            "\x01\x02\x1f",
                                            "\x7f\xc2\x85",
                                            "\xff\xfe ill",
                                            "\xef\xbf\xbe",
                                            "\xed\xa0\x80",
                                            "\xe2\x80\xa8line\xe2\x80\xa9",
                                            "\xf0\x9f\x98\x80 \xe6\xbc\xa2",
                                            "\xe2\x80\xae rtl"};
  for (const std::string& text : hostile) {
    SCOPED_TRACE(::testing::PrintToString(text));
    ReadPage page = TestPage();
    page.source = text;
    ReadPage empty = page;
    empty.regions.clear();
    page.regions = {TestRegion(RegionLabel::kImage, {1, 1, 9, 9}, ""),
                    TestRegion(RegionLabel::kText, {10, 10, 500, 40}, text),
                    TestRegion(RegionLabel::kText, {10, 60, 500, 40}, "the end")};
    HocrWriter writer;
    writer.AddPage(empty);  // an element without children must not take the next page in
    writer.AddPage(page);
    const std::string hocr = writer.Finish();
    const Xml xml(hocr, "http://www.w3.org/1999/xhtml");
    EXPECT_EQ(xml.All("//n:div[@class='ocr_page']").size(), 2u);
    const std::vector<std::string> words = HtmlWords(hocr);
    EXPECT_EQ(words, xml.All("//n:span[@class='ocrx_word']"));
    ASSERT_GE(words.size(), 2u);
    EXPECT_EQ(words.back(), "end");
    // One `bbox` in a page's title, outside of strings.
    const std::string title = xml.All("//n:div[@class='ocr_page']/@title")[1];
    EXPECT_THAT(title, ::testing::EndsWith("\"; bbox 0 0 1000 2000; ppageno 0"));
    EXPECT_EQ(title.find_first_of("\n\r\t"), std::string::npos);
    AltoWriter alto;
    alto.AddPage(page);
    EXPECT_EQ(
        Xml(alto.Finish(), "http://www.loc.gov/standards/alto/ns-v4#").All("//n:String/@CONTENT"),
        words);
  }
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

#include "format/document_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "base/file.h"
#include "format/document_json.h"
#include "format/searchable_pdf.h"
#include "format/tables.h"
#include "format/test_page.h"
#include "format/text_geometry.h"
#include "format/visualize.h"
#include "media/decode.h"
#include "pdf/pdf_document.h"

namespace glmocr {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

std::string TextOf(const std::vector<ReadPage>& pages, DocumentFormat format,
                   const DocumentOptions& options = {}) {
  const auto text = DocumentText(pages, format, options);
  EXPECT_TRUE(text.ok()) << text.error().message;
  return text.ok() ? *text : "";
}

std::string MarkdownOf(const ReadPage& page, bool strict = false) {
  return TextOf({page}, DocumentFormat::kMarkdown, {.text = {.strict = strict}});
}

std::set<std::string> Paths(const std::vector<OutputFile>& files) {
  std::set<std::string> out;
  for (const OutputFile& file : files) out.insert(file.path);
  return out;
}

const OutputFile* Find(const std::vector<OutputFile>& files, const std::string& path) {
  for (const OutputFile& file : files)
    if (file.path == path) return &file;
  ADD_FAILURE() << path << " was not written";
  return nullptr;
}

Result<Image> Decode(const std::string& bytes) {
  return DecodePage(std::as_bytes(std::span(bytes)), "test", 0);
}

ReadPage OneTextPage(const std::string& text, bool printed) {
  ReadPage page = TestPage();
  page.regions = {TestRegion(RegionLabel::kText, {100, 100, 800, 50}, text)};
  if (printed) page.regions[0].lines = {TestLine({100, 100, 800, 50}, text)};
  return page;
}

// The files of the SDK's layout, and those that it does not know, under their documented names.
TEST(DocumentWriter, NamesFilesAsTheSdkDoes) {
  DocumentOptions options;
  options.formats.clear();
  for (int i = 0; i < kDocumentFormats; ++i)
    options.formats.push_back(static_cast<DocumentFormat>(i));
  std::vector<ReadPage> pages = {TestPage(), TestPage()};
  for (ReadPage& page : pages) page.source = "scans/report.tif", page.n_pages = 2;
  const auto files = WriteDocument(pages, options);
  ASSERT_TRUE(files.ok()) << files.error().message;
  EXPECT_EQ(
      Paths(*files),
      (std::set<std::string>{
          "report/report.md", "report/report.json", "report/report_model.json",
          "report/report_document.json", "report/report.txt", "report/report.html",
          "report/report.hocr", "report/report.xml", "report/report.pdf", "report/report.jsonl",
          "report/imgs/cropped_page0_idx0.jpg", "report/imgs/cropped_page1_idx1.jpg",
          "report/layout_vis/report_page0.jpg", "report/layout_vis/report_page1.jpg"}));
  const OutputFile* crop = Find(*files, "report/imgs/cropped_page0_idx0.jpg");
  ASSERT_NE(crop, nullptr);
  const auto image = Decode(crop->bytes);
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(image->width_px, 200);
  EXPECT_EQ(image->height_px, 100);
  EXPECT_LT(image->row(50)[3 * 100], 10);  // cyan
  EXPECT_GT(image->row(50)[3 * 100 + 1], 245);
}

TEST(DocumentWriter, AFileNameCannotLeaveTheFolder) {
  for (const char* source : {"../../x/..", "a/../..", "/", "..", "-", "\x01\n"}) {
    ReadPage page = OneTextPage("x", false);
    page.source = source;
    const auto files = WriteDocument(std::vector{page}, {.formats = {DocumentFormat::kText}});
    ASSERT_TRUE(files.ok());
    ASSERT_EQ(files->size(), 1u);
    const std::filesystem::path path((*files)[0].path);
    EXPECT_TRUE(path.is_relative());
    for (const auto& part : path) EXPECT_NE(part, "..") << source;
    EXPECT_EQ(std::distance(path.begin(), path.end()), 2) << path;
  }
}

TEST(DocumentWriter, MarkdownOfAPage) {
  EXPECT_EQ(
      TextOf({TestPage()}, DocumentFormat::kMarkdown),
      "# A title\n\n"
      "First line with snake\\_case and a second of 3 \\< 4 words.\n\n"
      "Ελληνικά, 漢字かな and 😀 are found again.\n\n"
      "- one\n\n- two\n\n"
      "<table><tr><th>Head</th><th>B|C</th></tr></table>\n\n"
      "<table><tr><td rowspan=\"2\">a</td><td>b &amp; c</td></tr><tr><td>d</td></tr></table>\n\n"
      "$$\nE = mc^2 \\tag{7}\n$$\n\n"
      "<script>alert(\"1\")</script> ]]> & \x01 \uFFFD end\n");
  const std::string pipes = TextOf({TestPage()}, DocumentFormat::kMarkdown,
                                   {.text = {.pipe_tables = true, .page_furniture = true}});
  EXPECT_THAT(pipes, HasSubstr("\n\n| Head | B\\|C |\n| --- | --- |\n\n"));
  EXPECT_THAT(pipes, HasSubstr("\n\n| a | b & c |\n| --- | --- |\n|  | d |\n\n"));
  EXPECT_THAT(pipes, HasSubstr("running head"));
}

// Text of printed lines is no markup; what a model writes as Markdown is.
TEST(DocumentWriter, OnlyPrintedTextIsEscaped) {
  const std::string text = "*a* $5 and $6, [b](c) `d` AT&T &amp; \\";
  EXPECT_EQ(MarkdownOf(OneTextPage(text, true)),
            "\\*a\\* \\$5 and \\$6, \\[b](c) \\`d\\` AT&T \\&amp; \\\\\n");
  EXPECT_EQ(MarkdownOf(OneTextPage(text, false)), "*a* $5 and$ 6, [b](c) `d` AT&T &amp; \\\n");
  EXPECT_EQ(MarkdownOf(OneTextPage(text, true), true), "*a* $5 and$ 6, [b](c) `d` AT&T &amp; \\");
  EXPECT_EQ(MarkdownOf(OneTextPage("# no title", true)), "\\# no title\n");
  EXPECT_EQ(MarkdownOf(OneTextPage("* item", true)), "- item\n");
}

// Cells of a pipe table show what was printed, whatever Markdown or HTML would make of it.
TEST(DocumentWriter, CellsOfPipeTablesAreNoMarkup) {
  const auto row = [](const std::string& text, bool printed) {
    ReadPage page = OneTextPage("", false);
    ReadRegion& table = page.regions[0];
    table.label = RegionLabel::kTable;
    ReadCell cell;
    cell.text = text;
    if (printed) table.cells = {cell};
    std::string html = text;
    for (const auto& [from, to] : {std::pair("&", "&amp;"), {"<", "&lt;"}, {"\n", "<br>"}}) {
      for (size_t at = 0; (at = html.find(from, at)) != std::string::npos;
           at += std::string_view(to).size())
        html.replace(at, std::string_view(from).size(), to);
    }
    table.text = "<table><tr><td>" + html + "</td></tr></table>";
    const std::string markdown =
        TextOf({page}, DocumentFormat::kMarkdown, {.text = {.pipe_tables = true}});
    EXPECT_TRUE(markdown.ends_with(" |\n| --- |\n")) << markdown;
    return markdown.substr(2, markdown.find(" |\n| --- |") - 2);
  };
  for (const auto& [text, cell] : std::vector<std::pair<std::string, std::string>>{
           {"plain", "plain"},
           {"", ""},
           {"a|b", "a\\|b"},
           {"a\\|b", "a\\\\\\|b"},
           {"ends with \\", "ends with \\\\"},
           {"a*b_c <b>", "a\\*b\\_c \\<b>"},
           {"<script>x</script>", "\\<script>x\\</script>"},
           {"<!-- x -->", "\\<!-- x -->"},
           {"3 < 4 > 2", "3 \\< 4 > 2"},
           {"&amp; AT&T &#60; R&D;", "\\&amp; AT&T \\&#60; R\\&D;"},
           {"[x](y) ![z](w)", "\\[x](y) !\\[z](w)"},
           {"`code`", "\\`code\\`"},
           {"~~struck~~", "\\~\\~struck\\~\\~"},
           {"costs $5 or so", "costs \\$5 or so"},
           {"two\nlines", "two<br>lines"},
           {"\xe2\x80\xa8 \xf0\x9f\x98\x80", "\xe2\x80\xa8 \xf0\x9f\x98\x80"},
           {"# + - 1. > =", "# + - 1. > ="}}) {
    EXPECT_EQ(row(text, true), cell);
    EXPECT_EQ(row(text, false), cell);
  }
  EXPECT_EQ(row("one\rtwo\r\nthree", true), "one<br>two<br>three");
  // A model writes formulas between dollar signs; printed ones are prices.
  EXPECT_EQ(row("$\\alpha_1 |x|$ a_b", false), "$\\alpha_1 \\|x\\|$ a\\_b");
  EXPECT_EQ(row("$1_000 and $2", true), "\\$1\\_000 and \\$2");
}

TEST(DocumentWriter, ATitleThatWasNotReadIsNoHeadingUnlessStrict) {
  ReadPage page = OneTextPage("", false);
  page.regions[0].label = RegionLabel::kDocTitle;
  EXPECT_EQ(MarkdownOf(page), "");
  EXPECT_EQ(MarkdownOf(page, true), "# ");
}

TEST(DocumentWriter, PagesReadWholeAreDividedByRules) {
  ReadPage page = OneTextPage(" # Whole\n\n3.14 ", false);
  page.layout = "none";
  EXPECT_EQ(TextOf({page, page}, DocumentFormat::kMarkdown),
            "# Whole\n\n3.14\n\n---\n\n# Whole\n\n3.14\n");
  const Json json = Json::parse(TextOf({page}, DocumentFormat::kSdkJson));
  EXPECT_TRUE(json[0][0]["bbox_2d"].is_null());
}

TEST(DocumentWriter, LinesOfAParagraphBecomeOneText) {
  ReadPage page = OneTextPage("first", false);
  page.layout = "lines";
  page.regions.push_back(TestRegion(RegionLabel::kText, {100, 160, 800, 50}, "second"));
  page.regions.push_back(TestRegion(RegionLabel::kText, {100, 300, 800, 50}, "third"));
  page.regions[1].new_paragraph = false;
  EXPECT_EQ(MarkdownOf(page), "first second\n\nthird\n");
  EXPECT_EQ(TextOf({page}, DocumentFormat::kText), "first\nsecond\n\nthird\n");
  const Json json = Json::parse(TextOf({page}, DocumentFormat::kSdkJson));
  EXPECT_EQ(json[0][0]["bbox_2d"], Json::parse("[100,50,900,105]"));  // both lines
}

TEST(DocumentWriter, PlainTextHasNoMarks) {
  const std::string text = TextOf({TestPage(), TestPage()}, DocumentFormat::kText);
  EXPECT_THAT(text, HasSubstr("A title\n\nFirst line with snake_case and a second"));
  EXPECT_THAT(text, HasSubstr("\n\nHead\tB|C\n\na\tb & c\n\td\n\n"));
  EXPECT_THAT(text, HasSubstr(" end\n\fA title"));
  EXPECT_THAT(text, Not(HasSubstr("running head")));
}

TEST(DocumentWriter, JsonHoldsEveryRegion) {
  ReadPage page = TestPage();
  const auto files =
      WriteDocument(std::vector{page},
                    {.formats = {DocumentFormat::kMarkdown, DocumentFormat::kJson}, .stem = "a"});
  ASSERT_TRUE(files.ok());
  const OutputFile* file = Find(*files, "a/a.json");
  ASSERT_NE(file, nullptr);
  const Json json = Json::parse(file->bytes);
  EXPECT_EQ(json["schema"], "glm-ocr.document/1");
  EXPECT_EQ(json["source"], page.source);
  ASSERT_EQ(json["pages"].size(), 1u);
  const Json& regions = json["pages"][0]["regions"];
  ASSERT_EQ(regions.size(), page.regions.size());
  EXPECT_EQ(regions[1]["box"], Json::parse("[100,150,900,230]"));
  EXPECT_EQ(regions[1]["bbox_2d"], Json::parse("[100,75,900,115]"));
  EXPECT_EQ(regions[1]["lines"][1]["text"], "a second of 3 < 4 words.");
  EXPECT_EQ(regions[1]["lines"][1]["confidence"], 0.25);
  EXPECT_EQ(regions[1]["markdown"], "First line with snake\\_case and a second of 3 \\< 4 words.");
  EXPECT_EQ(regions[3]["markdown"], "- one");
  EXPECT_EQ(regions[5]["cells"][1]["text"], "B|C");
  EXPECT_EQ(regions[5]["cells"][1]["column"], 1);
  EXPECT_EQ(regions[7]["markdown"], "$$\nE = mc^2\n$$");
  EXPECT_EQ(regions[9]["kind"], "picture");
  EXPECT_EQ(regions[9]["image_path"], "imgs/cropped_page0_idx0.jpg");
  EXPECT_EQ(regions[9]["polygon"].size(), 3u);
  EXPECT_EQ(regions[10]["kind"], "furniture");
  EXPECT_EQ(regions[12]["error"], "it failed");
  EXPECT_EQ(regions[12]["finish_reason"], "error");
}

TEST(DocumentWriter, HtmlIsSelfContainedAndLetsNoTextBecomeMarkup) {
  const std::string html = TextOf({TestPage()}, DocumentFormat::kHtml);
  EXPECT_THAT(html, HasSubstr("<h1>A title</h1>"));
  EXPECT_THAT(html, HasSubstr("<ul>\n<li>one</li>\n<li>two</li>\n</ul>"));
  EXPECT_THAT(html, HasSubstr("<td rowspan=\"2\">a</td><td>b &amp; c</td></tr><tr><td>d</td>"));
  EXPECT_THAT(html, HasSubstr("<div class=\"math\">$$E = mc^2$$</div>"));
  EXPECT_THAT(html, HasSubstr("src=\"data:image/jpeg;base64,/9j/"));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("http")));
  EXPECT_THAT(html, Not(HasSubstr("\x01")));
  ReadPage page = OneTextPage("<table><tr><td><img src=x onerror=alert(1)>", false);
  page.regions[0].label = RegionLabel::kTable;
  EXPECT_THAT(TextOf({page}, DocumentFormat::kHtml), Not(HasSubstr("<img")));
}

TEST(Tables, HtmlTablesAreReadWithTheirSpans) {
  const auto table =
      ParseHtmlTable("<table border=\"1\"><thead><tr><td colspan=2>x</td></tr></thead></table>");
  EXPECT_FALSE(table) << "attributes without quotes are no XML";
  const auto spans = ParseHtmlTable(
      "<table><thead><tr><td colspan=\"2\">x<br>y</td><td>z</td></tr></thead><tbody><tr><td "
      "rowspan=\"2\">a</td><td>b</td></tr><tr><td colspan=\"99\"> c "
      "<b>d</b></td></tr></tbody></table>");
  ASSERT_TRUE(spans);
  EXPECT_EQ(spans->rows, 3);
  EXPECT_EQ(spans->columns, 100);
  ASSERT_EQ(spans->cells.size(), 5u);
  EXPECT_TRUE(spans->cells[0].header);
  EXPECT_EQ(spans->cells[0].text, "x\ny");
  EXPECT_EQ(spans->cells[1].column, 2);
  EXPECT_EQ(spans->cells[4].row, 2);
  EXPECT_EQ(spans->cells[4].column, 1);
  EXPECT_EQ(spans->cells[4].text, "c d");
  EXPECT_FALSE(spans->cells[4].header);
}

TEST(Tables, SpansAreWhatBrowsersMakeOfThem) {
  for (const auto& [written, columns] : std::vector<std::pair<std::string, int>>{
           {"7", 7}, {"0", 1}, {"-3", 1}, {"x", 1}, {"1001", 1000}, {"99999999999999", 1000}}) {
    const auto table =
        ParseHtmlTable("<table><tr><td colspan=\"" + written + "\">x</td></tr></table>");
    ASSERT_TRUE(table) << written;
    EXPECT_EQ(table->columns, columns) << written;
  }
}

TEST(Tables, HostileTablesAreRefused) {
  std::string wide = "<table>", deep = "<table><tr><td>";
  for (int i = 0; i < 2000; ++i) wide += "<tr><td colspan=\"1000\" rowspan=\"65000\">x</td></tr>";
  for (int i = 0; i < 300000; ++i) deep += "<b>";
  EXPECT_FALSE(ParseHtmlTable(wide + "</table>"));
  EXPECT_FALSE(ParseHtmlTable(deep));
  std::string closed = deep;
  for (int i = 0; i < 300000; ++i) closed += "</b>";
  EXPECT_TRUE(ParseHtmlTable(closed + "</td></tr></table>"));
  EXPECT_FALSE(ParseHtmlTable(""));
  EXPECT_FALSE(ParseHtmlTable("<table></table>"));
  EXPECT_FALSE(ParseHtmlTable("<table><tr><td><table></table></td></tr></table>"));
}

TEST(TextGeometry, WordsDivideTheirLineByCharacters) {
  const auto lines = PlaceLines(OneTextPage("ab 漢字 c", true).regions[0]);
  ASSERT_EQ(lines.size(), 1u);
  ASSERT_EQ(lines[0].words.size(), 3u);
  // 2 + 1 + 4 + 1 + 1 cells in 800 pixels from 100 on.
  EXPECT_EQ(lines[0].words[0].box_px, (Box{100, 100, 178, 50}));
  EXPECT_EQ(lines[0].words[1].box_px.x, 367);
  EXPECT_EQ(lines[0].words[1].box_px.right(), 722);
  EXPECT_EQ(lines[0].words[2].box_px.right(), 900);
}

// Latin letters below the baseline take about a fifth of a line's height.
TEST(TextGeometry, ALineOfUnknownPlaceStandsAFifthAboveItsLowerEdge) {
  ReadPage page = OneTextPage("text", true);
  page.regions[0].lines[0].place = {};
  const LinePlace place = PlaceLines(page.regions[0]).at(0).place;
  EXPECT_EQ(place.start, (PointF{100, 140}));
  EXPECT_EQ(place.end, (PointF{900, 140}));
  EXPECT_EQ(place.ascent_px, 40);
  EXPECT_EQ(place.descent_px, 10);
}

TEST(TextGeometry, WholeRegionsAreSpreadOverTheirBox) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "word" + std::to_string(i) + " ";
  const ReadRegion region = TestRegion(RegionLabel::kText, {10, 20, 600, 300}, text + "\n\nend");
  const auto lines = PlaceLines(region);
  ASSERT_GT(lines.size(), 5u);
  ASSERT_LT(lines.size(), 25u);
  std::string joined;
  int bottom = 20;
  for (const PlacedLine& line : lines) {
    EXPECT_GE(line.box_px.x, 10);
    EXPECT_LE(line.box_px.right(), 610);
    EXPECT_EQ(line.box_px.y, bottom);
    bottom = line.box_px.bottom();
    joined += line.text + ' ';
  }
  EXPECT_EQ(bottom, 320);
  EXPECT_EQ(joined, text + "end ");
  EXPECT_EQ(lines.back().text, "end");
}

TEST(Visualize, RegionsAreDrawnOnTheirPlaces) {
  ReadPage page = TestPage();
  page.regions.push_back(TestRegion(RegionLabel::kText, {-50, 1990, 5000, 500}, "outside"));
  page.regions.back().polygon_px = {{-50, 1990}, {100000, 1990}, {0, 100000}};
  const auto drawn = DrawRegions(page);
  ASSERT_TRUE(drawn.ok()) << drawn.error().message;
  const auto pixel = [&](int x, int y) {
    return std::array<int, 3>{drawn->row(y)[3 * x], drawn->row(y)[3 * x + 1],
                              drawn->row(y)[3 * x + 2]};
  };
  EXPECT_EQ(pixel(700, 229), (std::array<int, 3>{20, 90, 210}));   // lower edge of region 1
  EXPECT_EQ(pixel(499, 699), (std::array<int, 3>{0, 130, 90}));    // corner of the table's box
  EXPECT_EQ(pixel(150, 1449), (std::array<int, 3>{90, 90, 90}));   // the polygon, not the box
  EXPECT_EQ(pixel(250, 1490), (std::array<int, 3>{0, 255, 255}));  // inside the box only
  page.image = nullptr;
  EXPECT_FALSE(DrawRegions(page).ok());
}

class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() /
              ("glmocr_format_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string Output(const std::string& command) {
  std::string out;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return "cannot run " + command;
  std::array<char, 4096> buffer;
  for (size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    out.append(buffer.data(), n);
  const int status = pclose(pipe);
  if (status != 0) out += "\nexit status " + std::to_string(status);
  return out;
}

// Read back by poppler: the words, where they stand, and nothing that can be seen of them.
TEST(SearchablePdf, TextIsExtractedAgainWhereItStands) {
  const Folder folder;
  const std::string file = (folder.path() / "x.pdf").string();
  const std::string bytes = TextOf({TestPage(), TestPage()}, DocumentFormat::kPdf);
  ASSERT_TRUE(WriteFileAtomically(file, bytes).ok());

  const std::string text = Output("pdftotext -enc UTF-8 -f 2 -l 2 " + file + " -");
  EXPECT_THAT(text, HasSubstr("First line with snake_case and\n"));
  EXPECT_THAT(text, HasSubstr("Ελληνικά, 漢字かな and 😀 are found again."));
  EXPECT_THAT(text, HasSubstr("E = mc^2"));
  EXPECT_THAT(text, Not(HasSubstr("exit status")));
  EXPECT_THAT(text, Not(HasSubstr("Error")));

  // 200 pixels an inch: 360 x 720 points. "case", the line's last word but one, stands where
  // PlaceLines puts it.
  const std::string boxes = Output("pdftotext -bbox -f 1 -l 1 " + file + " -");
  EXPECT_THAT(boxes, HasSubstr("<page width=\"360.000000\" height=\"720.000000\">"));
  std::smatch match;
  const std::regex word(
      "<word xMin=\"([0-9.]+)\" yMin=\"([0-9.]+)\" xMax=\"([0-9.]+)\" "
      "yMax=\"([0-9.]+)\">snake_case<");
  ASSERT_TRUE(std::regex_search(boxes, match, word)) << boxes;
  const auto lines = PlaceLines(TestPage().regions[1]);
  const Box expected = lines[0].words[3].box_px;
  EXPECT_EQ(lines[0].words[3].text, "snake_case");
  EXPECT_NEAR(std::stod(match[1]), expected.x * 0.36, 0.5);
  EXPECT_NEAR(std::stod(match[3]), expected.right() * 0.36, 0.5);
  EXPECT_LT(std::stod(match[2]), lines[0].place.start.y * 0.36);
  EXPECT_GT(std::stod(match[4]), (lines[0].place.start.y - 10) * 0.36);

  // What is seen is the picture alone.
  Output("pdftoppm -r 200 -f 1 -l 1 -png " + file + " " + (folder.path() / "p").string());
  const auto png = ReadFile(folder.path() / "p-1.png", size_t{64} << 20);
  ASSERT_TRUE(png.ok()) << png.error().message;
  const auto image = Decode(*png);
  ASSERT_TRUE(image.ok());
  ASSERT_EQ(image->width_px, 1000);
  ASSERT_EQ(image->height_px, 2000);
  size_t dark = 0, cyan = 0;
  for (size_t i = 0; i < image->rgb.size(); i += 3) {
    dark += image->rgb[i + 1] < 200;
    cyan += image->rgb[i] < 50;
  }
  EXPECT_EQ(dark, 0u);
  EXPECT_NEAR(static_cast<double>(cyan), 200 * 100, 2000);

  EXPECT_THAT(Output("pdffonts " + file),
              HasSubstr("yes no  yes"));  // embedded, no subset, ToUnicode
  EXPECT_EQ(TextOf({TestPage(), TestPage()}, DocumentFormat::kPdf), bytes) << "not reproducible";
}

// The reader of Chrome, which lost lines of one character.
TEST(SearchablePdf, PdfiumReadsEveryWord) {
  const std::string bytes = TextOf({TestPage()}, DocumentFormat::kPdf);
  const auto pdf = PdfDocument::OpenBytes(std::as_bytes(std::span(bytes)), "x.pdf", {.dpi = 200});
  ASSERT_TRUE(pdf.ok()) << pdf.error().message;
  const auto page = (*pdf)->Read(0);
  ASSERT_TRUE(page.ok()) << page.error().message;
  EXPECT_EQ(page->image.width_px, 1000);
  EXPECT_EQ(page->text.invisible_share, 1);
  std::vector<std::string> words;
  for (const PdfWord& word : page->text.words) words.push_back(word.text);
  std::vector<std::string> expected;
  for (const ReadRegion& region : TestPage().regions) {
    for (const PlacedLine& line : PlaceLines(region)) {
      for (const PlacedWord& word : line.words) expected.push_back(word.text);
    }
  }
  EXPECT_EQ(words, expected);
}

TEST(DocumentWriter, APageThatCouldNotBeLoadedIsAnEmptyPage) {
  ReadPage broken;
  broken.source = "x.pdf";
  broken.page = 2;
  broken.n_pages = 3;
  broken.error = Error{ErrorCode::kCorrupt, "page 2 is damaged"};
  const std::vector<ReadPage> pages = {TestPage(), broken, TestPage()};
  DocumentOptions options;
  for (int i = 0; i < kDocumentFormats; ++i)
    options.formats.push_back(static_cast<DocumentFormat>(i));
  EXPECT_TRUE(WriteDocument(pages, options).ok());
  const Json json = Json::parse(TextOf(pages, DocumentFormat::kJson));
  EXPECT_EQ(json["pages"][1]["error"], "page 2 is damaged");
  const std::string bytes = TextOf(pages, DocumentFormat::kPdf);
  const auto pdf = PdfDocument::OpenBytes(std::as_bytes(std::span(bytes)), "x.pdf", {});
  ASSERT_TRUE(pdf.ok()) << pdf.error().message;
  EXPECT_EQ((*pdf)->n_pages(), 3);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Resident memory now, or at most since WatchMemory, in MiB.
double MemoryMib(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return std::stod(line.substr(key.size() + 1)) / 1024;
  }
  return 0;
}
void WatchMemory() { std::ofstream("/proc/self/clear_refs") << 5; }

TEST(SearchablePdf, MemoryDoesNotGrowWithThePages) {
  const std::string jpeg(350'000, 'x');  // nobody decodes it
  const PictureStream picture = {.entries =
                                     "/Width 1000 /Height 2000 /BitsPerComponent 8 /Filter "
                                     "/DCTDecode",
                                 .bytes = jpeg,
                                 .width_px = 1000,
                                 .height_px = 2000};
  ReadPage page = TestPage();
  page.image = nullptr;
  constexpr int kPages = 400;
  WatchMemory();
  const double before = MemoryMib("VmRSS");
  SearchablePdf pdf;
  for (int i = 0; i < kPages; ++i) ASSERT_TRUE(pdf.AddPage(page, picture, {200, 200}).ok());
  const auto file = pdf.Finish();
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_GT(file->size_bytes(), static_cast<int64_t>(kPages * jpeg.size()));
  EXPECT_GT(before, 0);
  EXPECT_LT(MemoryMib("VmHWM") - before, 30) << "of 134 MiB of pictures";
}
#endif

TEST(SearchablePdf, HugePagesFitWhatPdfAllows) {
  const Folder folder;
  ReadPage page = OneTextPage("x", false);
  page.image = std::make_shared<Image>(60000, 10, 255);
  page.width_px = 60000;
  page.height_px = 10;
  const std::string file = (folder.path() / "x.pdf").string();
  ASSERT_TRUE(WriteFileAtomically(file, TextOf({page}, DocumentFormat::kPdf)).ok());
  EXPECT_THAT(Output("pdfinfo " + file), HasSubstr("14400 x 2.4 pts"));
}

TEST(DocumentWriter, FormatsThatShowThePageNeedItsPicture) {
  ReadPage page = TestPage();
  page.image = nullptr;
  for (int i = 0; i < kDocumentFormats; ++i) {
    const auto format = static_cast<DocumentFormat>(i);
    const auto files = WriteDocument(std::vector{page}, {.formats = {format}});
    EXPECT_EQ(files.ok(), !InfoOf(format).needs_picture) << InfoOf(format).name;
    if (files.ok()) continue;
    EXPECT_THAT(files.error().message, HasSubstr("without keeping its picture"));
  }
}

TEST(Formats, AreFoundByTheirNames) {
  for (const std::string& name : FormatNames()) {
    const FormatInfo* found = FindFormat(name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->name, name);
    if (!found->alias.empty()) {
      EXPECT_EQ(FindFormat(found->alias), found);
    }
    EXPECT_FALSE(found->ending.empty()) << name;
    EXPECT_FALSE(found->mime_type.empty()) << name;
  }
  EXPECT_EQ(FormatNames().size(), static_cast<size_t>(kDocumentFormats - 1));
  for (const char* name : {"docx", "", "visualize"}) EXPECT_FALSE(FindFormat(name)) << name;
}

// Files of one document must not overwrite each other.
TEST(Formats, HaveEndingsOfTheirOwn) {
  for (const bool with_sdk_json : {false, true}) {
    std::set<std::string_view> endings;
    for (const std::string& name : FormatNames()) {
      const DocumentFormat format = FindFormat(name)->format;
      if (format == DocumentFormat::kSdkJson && !with_sdk_json) continue;
      EXPECT_TRUE(endings.insert(FormatEnding(format, with_sdk_json)).second) << name;
    }
  }
}

TEST(DocumentWriter, KeepsWarningsInJson) {
  ReadPage page = TestPage();
  page.warnings = {{WarningKind::kLowConfidence, 1, "confidence 0.48"}};
  DocumentWriter writer({.formats = {DocumentFormat::kJson, DocumentFormat::kJsonLines}});
  ASSERT_TRUE(writer.AddPage(page).ok());
  writer.AddWarning({WarningKind::kPagesMissing, 0, "pages 6 to 99 do not exist"});
  const auto files = writer.Finish();
  ASSERT_TRUE(files.ok());
  const Json document = Json::parse(files->at(0).bytes), line = Json::parse(files->at(1).bytes);
  EXPECT_EQ(document["warnings"],
            Json::parse(R"([{"kind": "pages_missing", "message": "pages 6 to 99 do not exist"}])"));
  EXPECT_EQ(document["pages"][0]["warnings"],
            Json::parse(R"([{"kind": "low_confidence", "message": "confidence 0.48"}])"));
  EXPECT_EQ(line["warnings"], document["pages"][0]["warnings"]);
}

TEST(DocumentWriter, NoPagesMakeAnEmptyDocument) {
  for (int i = 0; i < kDocumentFormats; ++i) {
    const auto format = static_cast<DocumentFormat>(i);
    const auto files = WriteDocument({}, {.formats = {format}});
    EXPECT_TRUE(files.ok()) << InfoOf(format).name << ": " << files.error().message;
  }
}

TEST(PageConfidence, WeighsRegionsByTheirTokens) {
  ReadPage page;
  EXPECT_EQ(PageConfidence(page), 0);
  page.regions.push_back({.confidence = 0.9f, .usage = {.completion_tokens = 30}});
  page.regions.push_back({.confidence = 0.5f, .usage = {.completion_tokens = 10}});
  page.regions.push_back({.label = RegionLabel::kImage});
  // (0.9^30 * 0.5^10)^(1/40)
  EXPECT_NEAR(PageConfidence(page), 0.777006, 1e-6);
}

}  // namespace
}  // namespace glmocr

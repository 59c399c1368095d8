#include "daemon/web/layout.h"

#include "tests/daemon/web/queue_pages.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;

TEST_CASE_FIXTURE(QueuePages, "a part whose read takes too long says so") {
  Reader reader(file);
  const Part part = read_part(reader, visit, "slow", [](Reader::Snapshot& snapshot) {
    snapshot.rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                  "SELECT max(i) FROM n");
    return html("never made");
  });
  CHECK(part.id == "slow");
  CHECK(contains(part.content.text(), "takes too long"));
  // The connection is fit for the next one.
  CHECK(read_part(reader, visit, "next", [](Reader::Snapshot& snapshot) {
          return html("{}", snapshot.row("SELECT 7 AS seven")->integer("seven"));
        }).content.text() == "7");
}

TEST_CASE("a table has its columns as headings, and scrolls by itself") {
  const std::string made =
      table(planted, {{"one"}, {"two", true}}, html("<tr><td>1</td><td>2</td></tr>")).text();
  CHECK(DocumentReading(made).trouble() == "");
  CHECK(!contains(made, "<b"));
  CHECK(contains(made, "tabindex=\"0\" role=\"region\" aria-label=\"&lt;b"));
  CHECK(contains(made, "<th scope=\"col\">one</th><th scope=\"col\" class=\"number\">two</th>"));
}

TEST_CASE("a bar of progress says its number, from 0 to 100") {
  CHECK(contains(progress_bar(40, "done").text(), "value=\"40\" aria-label=\"done\""));
  CHECK(contains(progress_bar(40, "done").text(), "40 %"));
  CHECK(contains(progress_bar(-3, "done").text(), "value=\"0\""));
  CHECK(contains(progress_bar(300, "done").text(), "value=\"100\""));
}

TEST_CASE(
    "of a long text the beginning is shown, at a character's border, and where all of it is") {
  const std::string all = long_text("short", 5, "/a?b=1&c=2", Visit{}).text();
  CHECK(all == "<pre>short</pre><p><a href=\"/a?b=1&amp;c=2\">Download</a></p>");
  const std::string cut = long_text("ab\xE4\xBD\xA0", 4, "/a", Visit{}).text();
  CHECK(cut.starts_with("<pre>ab…</pre><p><a href=\"/a\">"));
  CHECK(contains(cut, "there is more of it than is shown"));
}

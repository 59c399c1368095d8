#include "daemon/web/page.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::web;
using kdq::test::contains;

TEST_CASE("the language is the one that the browser wants most, else English") {
  CHECK(language_of("") == Language::english);
  CHECK(language_of("zh-CN,zh;q=0.9,en;q=0.8") == Language::chinese);
  CHECK(language_of("en-US,en;q=0.9,zh;q=0.8") == Language::english);
  CHECK(language_of("en;q=0.1, ZH-TW;q=0.2") == Language::chinese);
  CHECK(language_of("de, fr;q=0.5") == Language::english);
  CHECK(language_of("de, zh;q=0.1") == Language::chinese);
  CHECK(language_of("zh;q=x,,;q=,en;q=2") == Language::english);
}

TEST_CASE("an address of this site is decoded") {
  const Target target = target_of("/jobs?state=failed&error=a%26b+c%3D&empty=&none");
  CHECK(target.path == "/jobs");
  CHECK(target.query.at("state") == "failed");
  CHECK(target.query.at("error") == "a&b c=");
  CHECK(target.query.at("empty") == "");
  CHECK(target.query.size() == 3);
  CHECK(target_of("/a%2zb%").path == "/a%2zb%");
  CHECK(target_of("/?a=1&a=2").query.at("a") == "2");
}

TEST_CASE("an address of another site is the first page") {
  for (const char* other :
       {"", "jobs", "http://evil.example/", "https:evil.example", "javascript:alert(1)",
        "//evil.example/", "/\\evil.example/", "\\\\evil.example", "/%2Fevil.example",
        "/%2f/evil.example", "/%5Cevil.example", "/%09/evil.example", "/\t/evil.example",
        "/%0D%0ASet-Cookie:%20a=b", "%2F%2Fevil.example", "/a\\b", " /jobs"}) {
    CAPTURE(other);
    CHECK(target_of(other).path == "/");
  }
}

TEST_CASE("a number in a path is a whole one above 0, and nothing but it") {
  CHECK(number_behind("/jobs/", "/jobs/5") == 5);
  CHECK(number_behind("/jobs/", "/jobs/9223372036854775807") == 9223372036854775807);
  for (const char* path : {"/jobs/", "/jobs/0", "/jobs/-1", "/jobs/+1", "/jobs/5/", "/jobs/5a",
                           "/jobs/ 5", "/jobs/9223372036854775808", "/job/5", "5"}) {
    CAPTURE(path);
    CHECK_FALSE(number_behind("/jobs/", path));
  }
  Visit visit;
  visit.query = {{"after", "7"}, {"before", "x"}};
  CHECK(visit.number("after") == 7);
  CHECK_FALSE(visit.number("before"));
  CHECK_FALSE(visit.number("missing"));
}

TEST_CASE("a document is in the visitor's language, and marks the chapter it belongs to") {
  Visit visit;
  visit.path = "/jobs/5";
  Page page = message_page(404, "A <title>", "A <text>");
  const std::string english = document(page, visit, false);
  CHECK(contains(english, "<html lang=\"en\">"));
  CHECK(contains(english, "<a href=\"/jobs\" aria-current=\"page\">Jobs</a>"));
  CHECK(contains(english, "<a href=\"/\">Now</a>"));
  CHECK(contains(english, "<h1>A &lt;title&gt;</h1>"));
  CHECK(contains(english, "A &lt;text&gt;"));
  CHECK_FALSE(contains(english, "/logout"));
  CHECK_FALSE(contains(english, "data-live"));
  visit.language = Language::chinese;
  visit.path = "/jobsx";
  const std::string chinese = document(page, visit, true);
  CHECK(contains(chinese, "<html lang=\"zh-CN\">"));
  CHECK_FALSE(contains(chinese, "aria-current"));
  CHECK(contains(chinese, "/logout"));
}

TEST_CASE(
    "a live page says where its changes are: the address with all parameters, and the place") {
  Visit visit;
  visit.path = "/jobs";
  visit.query = {{"error", "a&\"b"}};
  Page page;
  page.live = true;
  page.place = "1.20";
  page.parts.push_back({"log", html("<p>x</p>"), true});
  const std::string text = document(page, visit, false);
  CHECK(contains(text,
                 "<body data-live=\"/live?page=%2Fjobs%3Ferror%3Da%2526%2522b&amp;place=1.20\">"));
  CHECK(contains(text, "<div id=\"log\" class=\"part\" data-grows><p>x</p></div>"));
}

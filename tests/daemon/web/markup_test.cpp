#include "daemon/web/markup.h"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace kdq::web;
using namespace std::string_literals;

TEST_CASE("markup in a text is no markup any more, in an element or an attribute") {
  CHECK(escaped("<b a=\"1\" c='2'>&amp;</b>") ==
        "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;&lt;/b&gt;");
  CHECK(escaped("") == "");
  CHECK(escaped("一行\t文字\n") == "一行\t文字\n");
}

TEST_CASE("what one does not see is shown as what it is") {
  CHECK(escaped("a\0b"s) == "a\\u0000b");
  CHECK(escaped("\r\x1B[31m\x7F") == "\\u000D\\u001B[31m\\u007F");
  CHECK(escaped("\xC2\x85") == "\\u0085");
  CHECK(escaped("\xE2\x80\xAE"
                "cod.exe") == "\\u202Ecod.exe");                  // right to left
  CHECK(escaped("\xE2\x81\xA6\xE2\x81\xA9") == "\\u2066\\u2069"); // isolates
  CHECK(escaped("\xD8\x9C\xE2\x80\x8B\xEF\xBB\xBF") == "\\u061C\\u200B\\uFEFF");
  CHECK(escaped("\xE2\x80\xA8") == "\\u2028");
  CHECK(escaped("\xF3\xA0\x81\x81") == "\\uE0041"); // a tag character
  CHECK(escaped("\xF0\x9F\x98\x80") == "\xF0\x9F\x98\x80");
}

TEST_CASE("bytes that are no UTF-8 become a sign of it, and what is around them stays") {
  const std::string sign = "\xEF\xBF\xBD";
  CHECK(escaped("a\xFF<") == "a" + sign + "&lt;");
  CHECK(escaped("\xE4\xB8") == sign + sign);            // cut off
  CHECK(escaped("\xC0\xBC") == sign + sign);            // an overlong <
  CHECK(escaped("\xED\xA0\x80") == sign + sign + sign); // half of a surrogate pair
  CHECK(escaped("<\xF5<") == "&lt;" + sign + "&lt;");
}

TEST_CASE("values are put into the places of a template, escaped unless they are HTML") {
  Html out;
  out.put("<p class=\"{}\">{}</p>", "\"><i>", html("<b>{}</b>", 5));
  CHECK(out.text() == "<p class=\"&quot;&gt;&lt;i&gt;\"><b>5</b></p>");
  CHECK(html("{}", "{}").text() == "{}"); // a value is no template
  CHECK(html("plain").text() == "plain");
}

TEST_CASE("too few or too many values are a mistake of the program") {
  CHECK_THROWS_AS(html("{} {}", 1), std::logic_error);
  CHECK_THROWS_AS(html("{}"), std::logic_error);
  CHECK_THROWS_AS(html("none", 1), std::logic_error);
}

TEST_CASE("parts of an address are encoded, and empty parameters left out") {
  CHECK(encoded("a b&c=/?#%\n\xE4") == "a%20b%26c%3D%2F%3F%23%25%0A%E4");
  CHECK(encoded("Az09-._~") == "Az09-._~");
  CHECK(address("/jobs", {}) == "/jobs");
  CHECK(address("/jobs", {{"a", ""}, {"b", "1&2"}, {"c", "x"}}) == "/jobs?b=1%262&c=x");
}

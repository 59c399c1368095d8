#include "store/base/utf8.h"

#include <doctest/doctest.h>

#include <string>

using namespace kdq;

TEST_CASE("characters of every length are valid, at each border of their range") {
  const std::string text = "a\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"
                           "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF";
  CHECK_FALSE(invalid_utf8_at(text));
  CHECK_FALSE(invalid_utf8_at(""));
  CHECK_FALSE(invalid_utf8_at(std::string_view("\0", 1)));
}

TEST_CASE("the first byte that is no part of a character is found, wherever it stands") {
  const std::string wrong[] = {
      "\x80",             // without a lead
      "\xC0\x80",         // overlong
      "\xC1\xBF",         // overlong
      "\xE0\x9F\xBF",     // overlong
      "\xF0\x8F\xBF\xBF", // overlong
      "\xED\xA0\x80",     // a surrogate
      "\xF4\x90\x80\x80", // above U+10FFFF
      "\xF5\x80\x80\x80", // no lead
      "\xE4\xBD",         // cut off
      "\xE4\xBDx",        // broken off
      "\xFF",
  };
  for (const std::string& bytes : wrong)
    for (const std::size_t before : {0U, 1U, 7U, 8U, 9U, 16U, 17U}) {
      CAPTURE(before);
      CAPTURE(bytes.size());
      CHECK(invalid_utf8_at(std::string(before, 'a') + bytes) == before);
      CHECK(invalid_utf8_at(std::string(before, 'a') + "执" + bytes + "aaaaaaaa") == before + 3);
    }
}

TEST_CASE("visible() shows control characters, and leaves all else as it is") {
  using namespace std::string_literals;
  const std::string plain = "a\tb\nc\r\n执行\xC2\xA0\xC3\x80";
  CHECK(visible(plain) == plain);
  CHECK(visible("a\0b"s) == "a\\u0000b");
  CHECK(visible("\x1b[31m\x7f") == "\\u001b[31m\\u007f");
  CHECK(visible("a\xC2\x9B"
                "b") == "a\\u009bb");
  CHECK(visible("forged\rline\r") == "forged\\u000dline\\u000d");
  CHECK(visible("").empty());
}

TEST_CASE("shortened() keeps whole characters and marks what is gone") {
  CHECK(shortened("abc", 3) == "abc");
  CHECK(shortened("abcd", 3) == "abc…");
  CHECK(shortened("a执行", 4) == "a执…");
  CHECK(shortened("a执行", 6) == "a执…");
  CHECK(shortened("a执行", 7) == "a执行");
  CHECK(shortened("执", 2) == "…");
  CHECK(shortened("", 0).empty());
}

TEST_CASE("append_mended() replaces each byte that is no UTF-8, and says whether there was one") {
  std::string text = "> ";
  CHECK_FALSE(append_mended(text, "a执"));
  CHECK(append_mended(text, "\xE4\xBDx\xFF"));
  CHECK(text == "> a执\xEF\xBF\xBD\xEF\xBF\xBDx\xEF\xBF\xBD");
  CHECK_FALSE(append_mended(text, ""));
}

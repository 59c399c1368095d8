#include "tests/sandbox/sheet.h"

#include "tests/sandbox/encoding.h"

#include <doctest/doctest.h>
#include <stdexcept>

namespace kdq::sandbox {

TEST_CASE("a cell has one value under all spellings of its address") {
  Sheets sheets;
  sheets.write("F", "$b$12", 3);
  CHECK(sheets.read("F", "B12") == 3);
  CHECK(sheets.read("F", "b12") == 3);
  CHECK(sheets.read("G", "B12") == nullptr);
}

TEST_CASE("a preset shows in every file until the file has a value of its own") {
  Sheets sheets;
  preset_from_text(sheets, "A1=bar=baz");
  preset_from_text(sheets, "F:A1=own");
  CHECK(sheets.read("F", "A1") == "own");
  CHECK(sheets.read("G", "A1") == "bar=baz");
  sheets.write("G", "A1", nullptr);
  CHECK(sheets.read("G", "A1") == nullptr);
}

TEST_CASE("what is not one cell is refused with a sentence") {
  Sheets sheets;
  for (const char* address :
       {"", "A", "1", "A0", "1A", "A1:B2", "ABCD1", "A12345678", "A 1", "é1"}) {
    CAPTURE(address);
    CHECK_THROWS_AS(sheets.read("F", address), std::invalid_argument);
  }
  CHECK_THROWS_AS(preset_from_text(sheets, "A1"), std::invalid_argument);
}

TEST_CASE("encoding adds exactly one layer and decoding takes exactly one off") {
  CHECK(percent_encoded("a/b+c==") == "a%2Fb%2Bc%3D%3D");
  CHECK(percent_encoded("a%2F") == "a%252F");
  CHECK(percent_decoded("a%252F") == "a%2F");
  CHECK(percent_decoded("a%2f+%") == "a/+%");
  CHECK(percent_decoded("%zz%4") == "%zz%4");
  CHECK(percent_decoded(percent_encoded("汉 字")) == "汉 字");
}

TEST_CASE("a query's value is decoded once, with = and + kept") {
  CHECK(query_value("/p?a=1&b=x%252F%3D=+", "b") == "x%2F==+");
  CHECK(query_value("/p?ab=1&b", "b") == "");
  CHECK(query_value("/p?bb=1&b=2&b=3", "b") == "2");
  CHECK(query_value("/p", "b") == "");
}

} // namespace kdq::sandbox

#include "store/base/encoding.h"

#include <doctest/doctest.h>

using namespace kdq;

TEST_CASE("bytes as hexadecimal digits") {
  CHECK(hex_of(std::string_view("\x00\x0F\xA5\xFF", 4)) == "000fa5ff");
  CHECK(hex_of("").empty());
}

TEST_CASE("percent-encoding keeps what it is told to") {
  std::string uri = "file:";
  append_encoded(uri, "/a b%\xE4?", KeptBytes("/"));
  CHECK(uri == "file:/a%20b%25%E4%3F");
}

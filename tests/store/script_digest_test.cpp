#include "store/script_digest.h"

#include <doctest/doctest.h>

#include <set>

using namespace kdq;

TEST_CASE("a digest is 32 hex digits, the same on every machine") {
  // Stored in run_times: another digest and all that was learnt is forgotten.
  CHECK(script_digest("") == "99aa06d3014798d86001c324468d497f");
  for (const char* script : {"1", "console.log(1)", "一"}) {
    const std::string digest = script_digest(script);
    CHECK(digest.size() == 32);
    CHECK(digest.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(digest == script_digest(script));
  }
}

TEST_CASE("scripts that differ have digests that differ, whatever bytes they have") {
  const std::set<std::string> digests{script_digest("a"),
                                      script_digest("b"),
                                      script_digest("a "),
                                      script_digest(std::string_view("a\0", 2)),
                                      script_digest(std::string_view("a\0\0", 3)),
                                      script_digest(std::string(1'000'000, 'a')),
                                      script_digest(std::string(1'000'001, 'a'))};
  CHECK(digests.size() == 7);
}

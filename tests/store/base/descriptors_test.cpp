#include "store/base/descriptors.h"

#include "tests/support/no_descriptors.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace kdq;
using namespace kdq::test;

TEST_CASE("that no descriptor is left is told with the limit") {
  CHECK(descriptor_shortage().empty());
  std::string told;
  {
    const NoDescriptors none;
    told = descriptor_shortage();
  }
  CHECK(told.starts_with("too many open files: this process may have "));
  CHECK(told.find("LimitNOFILE=") != std::string::npos);
  CHECK(descriptor_shortage().empty());
}

TEST_CASE("the limit is raised to what may be had, and never lowered") {
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
  const auto raised = [&](rlim_t from) {
    const rlimit few{from, old.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    raise_descriptor_limit();
    rlimit now{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &now) == 0);
    return now.rlim_cur;
  };
  CHECK(raised(100) == std::min<rlim_t>(old.rlim_max, 65'536));
  CHECK(raised(old.rlim_max) == old.rlim_max);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
}

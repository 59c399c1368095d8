#include "daemon/base_url.h"

#include <doctest/doctest.h>

using namespace kdq;

TEST_CASE("usable base addresses are accepted") {
  for (const auto url : {"https://developer.kdocs.cn", "https://developer.kdocs.cn:8443/prefix",
                         "http://127.0.0.1:8080", "http://localhost", "http://[::1]:9/"}) {
    CAPTURE(url);
    CHECK_FALSE(base_url_problem(url));
  }
}

TEST_CASE("a base address that cannot be used is refused with the reason") {
  struct Row {
    std::string url;
    std::string part_of_sentence;
  };
  const Row rows[] = {
      {"", "does not begin with https://"},
      {"developer.kdocs.cn", "does not begin with https://"},
      {"ftp://developer.kdocs.cn", "does not begin with https://"},
      {"https://", "host name is missing"},
      {"https://:443", "host name is missing"},
      {"https://host:", "must be written as https://host/"},
      {"https:///host", "must be written as https://host/"},
      {"https://host?", "must be written as https://host/"},
      {"http://127.1:80/x", "must be written as http://127.0.0.1:80/x"},
      {"https://host:0", "port"},
      {"https://host:65536", "port"},
      {"https://host:8o", "port"},
      {"https://user:secret@host", "user name"},
      {"http://127.0.0.1@host", "user name"},
      {"https://host?access_token=x", "query"},
      {"https://host/#part", "fragment"},
      {"https://host\\x", "host name"},
      {"https://ho{st", "host name"},
      {"https://ho st", "spaces"},
      {"https://金山文档", "ASCII"},
      {"http://developer.kdocs.cn",
       "over plain http anyone on the way could read the access token"},
      {"http://127.0.0.1.example.com", "plain http"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.url);
    const auto problem = base_url_problem(row.url);
    REQUIRE(problem);
    CHECK_MESSAGE(problem->find(row.part_of_sentence) != std::string::npos, *problem);
  }
}

#include "poller/api/kdocs_api.h"

#include <doctest/doctest.h>

#include <string>

using namespace kdq::kdocs_api;

TEST_CASE("redacted() masks secrets wherever they stand, and nothing else") {
  struct Row {
    std::string text, clean;
  };
  const Row rows[] = {
      {"", ""},
      {"https://h/p", "https://h/p"},
      {"https://h/p?access_token=abc", "https://h/p?access_token=***"},
      {"/p?access_token=a%26b%3D&task_id=x%252F%3D&n=1", "/p?access_token=***&task_id=***&n=1"},
      {"/p?code=abc&app_id=AK1&app_key=k#f", "/p?code=***&app_id=AK1&app_key=***#f"},
      {"/p?x=1&refresh_token=r", "/p?x=1&refresh_token=***"},
      {"/p?ACCESS_TOKEN=abc", "/p?ACCESS_TOKEN=***"},
      {"/p?taskId=abc", "/p?taskId=***"},
      {"/p?task_id=it's&n=1", "/p?task_id=***&n=1"},
      {"/p?task_id='a&n=1", "/p?task_id=***&n=1"},
      {"{'access_token': 'abc' }", "{'access_token': *** }"},
      {"next=%2Fp%3Faccess_token%3Dab%252Fc%26n%3D1", "next=%2Fp%3Faccess_token%3D***%26n%3D1"},
      {"u=%253Fn%253D1%2526access_token%253Dab%252Fc%2526z%253D1",
       "u=%253Fn%253D1%2526access_token%253D***%2526z%253D1"},
      {"GET /p?access_token=abc failed", "GET /p?access_token=*** failed"},
      {R"({"access_token":"abc","n":1})", R"({"access_token":"***","n":1})"},
      {"bad access_token: abc given", "bad access_token: *** given"},
      {"access_token=", "access_token="},
      {"access_token=&n=1", "access_token=&n=1"},
      {"error_code=5 and code 30010: x", "error_code=5 and code 30010: x"},
      {"(code: 30010)", "(code: 30010)"},
      {"the access_token is missing", "the access_token is missing"},
      {"access_token%3", "access_token%3"},
      {"access_token%25", "access_token%25"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const std::string once = redacted(row.text);
    CHECK(once == row.clean);
    CHECK(redacted(once) == once);
  }
}

TEST_CASE("without_secret() finds a secret as it is, encoded, and cut off") {
  const std::string token = "sk/0123456789+abc=";
  CHECK(without_secret("token sk/0123456789+abc= is old", token) == "token *** is old");
  CHECK(without_secret("token sk%2F0123456789%2Babc%3D is old", token) == "token *** is old");
  CHECK(without_secret("twice sk/0123456789+abc=sk/0123456789+abc=", token) == "twice ******");
  CHECK(without_secret("token sk/01234567…", token) == "token ***…");
  CHECK(without_secret("risk/0 is fine", token) == "risk/0 is fine");
  CHECK(without_secret("a short one: abc.", "abc") == "a short one: ***.");
  CHECK(without_secret("nothing known", "") == "nothing known");
  CHECK(without_secret("", token).empty());
  for (const auto* spelled : {"sk%2f0123456789%2babc%3d", "sk%252F0123456789%252Babc%253D",
                              "sk%25252f0123456789+abc=", R"(sk\/0123456789+abc=)",
                              R"(sk\u002F0123456789\u002babc=)", "s%6B/0123456789+abc="}) {
    CAPTURE(spelled);
    CHECK(without_secret(std::string("<") + spelled + ">", token) == "<***>");
  }
  const std::string task = "ZdAP%2FdLIG%3D%3D"; // encoded already, as it is received
  for (const auto* spelled : {"ZdAP%2FdLIG%3D%3D", "ZdAP%252FdLIG%253D%253D",
                              "ZdAP%252fdLIG%253d%253d", "ZdAP%25252FdLIG%25253D%25253D"}) {
    CAPTURE(spelled);
    CHECK(without_secret(std::string("<") + spelled + ">", task) == "<***>");
  }
}

TEST_CASE("in a script's own words only the whole of a secret counts") {
  const std::string token = "0123456789abcdef";
  const auto clean = [&](const std::string& text) {
    return without_secret(text, token, SecretPart::whole);
  };
  CHECK(clean("x 0123456789abcdef y") == "x *** y");
  CHECK(clean("x 0123456789abcde") == "x 0123456789abcde");
  CHECK(without_secret("an abc is an abc", "abc", SecretPart::whole) == "an abc is an abc");
}

TEST_CASE("logins of addresses are no part of what a library says") {
  struct Row {
    const char* text;
    const char* clean;
  };
  const Row rows[] = {
      {"", ""},
      {"Could not resolve host: h", "Could not resolve host: h"},
      {"Unsupported proxy syntax in 'http://me:pa#ss@proxy:1'",
       "Unsupported proxy syntax in 'http://***@proxy:1'"},
      {"proxy http://me:pa/ss@proxy:1/ failed", "proxy http://***@proxy:1/ failed"},
      {"http://me:a@b@proxy", "http://***@proxy"},
      {"'me:pass@proxy:1'", "'***@proxy:1'"},
      {"https://h/p and //u:p@h", "https://h/p and //***@h"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(without_logins(row.text) == row.clean);
    CHECK(without_logins(row.clean) == row.clean);
  }
}

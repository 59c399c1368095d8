#include "daemon/web/guard.h"
#include "tests/support/fake_clock.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

using namespace kdq;
using namespace kdq::web;
using kdq::test::contains;
using kdq::test::FakeClock;
using namespace std::chrono_literals;

namespace {

/// What a browser sends back of a Set-Cookie.
std::string cookie_of(const std::string& set_cookie) {
  return set_cookie.substr(0, set_cookie.find(';'));
}

Sender with_cookie(const std::string& cookies) {
  Sender sender;
  sender.host = "page.example";
  sender.origin = "http://page.example";
  sender.cookies = cookies;
  return sender;
}

Sender with_basic(const std::string& base64) {
  Sender sender;
  sender.authorization = "Basic " + base64;
  return sender;
}

/// A hash as Debian's passwd makes it; made once, as that takes a while on purpose.
const std::string& hash_of_secret() {
  static const std::string hash = hash_of_password("secret");
  return hash;
}

} // namespace

TEST_CASE("a host is known by its name and port as they stand") {
  const FakeClock clock;
  const Guard guard({{"127.0.0.1:80", "page.example"}, ""}, clock);
  const auto knows = [&](const char* host) {
    Sender sender;
    sender.host = host;
    return guard.knows_host(sender);
  };
  CHECK(knows("127.0.0.1:80"));
  CHECK(knows("page.example"));
  CHECK_FALSE(knows("127.0.0.1"));
  CHECK_FALSE(knows("evil.example"));
  CHECK_FALSE(knows("page.example.evil.example"));
  CHECK_FALSE(knows(""));
  CHECK(Guard({{}, ""}, clock).knows_host({}));
}

TEST_CASE("a form is ours by its origin, its session and its token") {
  const FakeClock clock;
  Guard guard({{}, ""}, clock);
  const std::string cookie = cookie_of(guard.new_session(false));
  const Sender browser = with_cookie(cookie);
  const std::string token = guard.form_token(guard.session_of(browser));
  CHECK(guard.is_own_form(browser, token));
  CHECK_FALSE(guard.is_own_form(browser, ""));
  CHECK_FALSE(guard.is_own_form(browser, token + "0"));
  CHECK_FALSE(guard.is_own_form(browser, guard.form_token("")));
  for (const char* origin : {"", "null", "http://evil.example", "http://page.example.evil.example",
                             "http://page.example:81", "https//page.example"}) {
    CAPTURE(origin);
    Sender other = browser;
    other.origin = origin;
    CHECK_FALSE(guard.is_own_form(other, token));
  }
  Sender behind_tls = browser;
  behind_tls.origin = "https://page.example";
  CHECK(guard.is_own_form(behind_tls, token));
  // The token of one session is none of another, nor a session a token.
  const Sender another = with_cookie(cookie_of(guard.new_session(false)));
  CHECK_FALSE(guard.is_own_form(another, token));
  CHECK_FALSE(guard.is_own_form(with_cookie(""), token));
  CHECK_FALSE(guard.is_own_form(browser, cookie.substr(cookie.rfind('.') + 1)));
}

TEST_CASE("a session is taken for a week, if it was signed here and as it was signed") {
  FakeClock clock;
  Guard guard({{}, ""}, clock);
  const std::string set = guard.new_session(false);
  CHECK(contains(set, "; HttpOnly"));
  CHECK(contains(set, "; SameSite=Strict"));
  CHECK(contains(set, "; Path=/"));
  const std::string cookie = cookie_of(set);
  CHECK_FALSE(guard.session_of(with_cookie(cookie)).empty());
  CHECK(guard.session_of(with_cookie("a=b; " + cookie + "; c=d")) ==
        guard.session_of(with_cookie(cookie)));

  SUBCASE("forged") {
    const std::size_t dot = cookie.find('.');
    std::string raised = cookie;
    raised[cookie.find('=') + 1] = 'e';
    std::string longer = cookie;
    longer.insert(dot + 1, "9");
    for (const std::string& forged :
         {raised, longer, cookie + "0", cookie.substr(0, cookie.size() - 1), cookie.substr(0, dot),
          std::string("kdq_session="), std::string("kdq_session=."),
          std::string("kdq_session=..")}) {
      CAPTURE(forged);
      CHECK(guard.session_of(with_cookie(forged)).empty());
    }
    CHECK(Guard({{}, ""}, clock).session_of(with_cookie(cookie)).empty()); // another key
    CHECK(guard.session_of(with_cookie("x" + cookie)).empty());
  }
  SUBCASE("another's of the same name is passed over") {
    CHECK(guard.session_of(with_cookie("xkdq_session=1; kdq_session=a.b.c; " + cookie)) ==
          guard.session_of(with_cookie(cookie)));
  }
  SUBCASE("its end") {
    clock.advance(7 * 24h - 1s);
    CHECK_FALSE(guard.session_of(with_cookie(cookie)).empty());
    clock.advance(2s);
    CHECK(guard.session_of(with_cookie(cookie)).empty());
  }
}

TEST_CASE("a session that was ended is none any more, whoever has its cookie; others go on") {
  FakeClock clock;
  Guard guard({{}, hash_of_secret()}, clock);
  const Sender browser = with_cookie(cookie_of(guard.new_session(true)));
  const Sender other = with_cookie(cookie_of(guard.new_session(true)));
  const Sender visitor = with_cookie(cookie_of(guard.new_session(false)));
  const std::string session = guard.session_of(browser);
  CHECK(guard.lasts(session));
  CHECK(contains(guard.end_session(browser), "Max-Age=0"));
  CHECK_FALSE(guard.lasts(session));
  CHECK(guard.session_of(browser).empty());
  CHECK(guard.may_look(browser) == false);
  CHECK_FALSE(guard.is_own_form(browser, guard.form_token(session)));
  CHECK(guard.may_look(other) == true);
  CHECK_FALSE(guard.session_of(visitor).empty());
  CHECK(contains(guard.end_session(browser), "Max-Age=0")); // once more, and of none
  CHECK(contains(guard.end_session({}), "Max-Age=0"));
  CHECK(guard.may_look(other) == true);

  const std::string last = guard.session_of(other);
  clock.advance(7 * 24h + 1s);
  CHECK_FALSE(guard.lasts(last));
  CHECK_FALSE(guard.lasts(""));
}

TEST_CASE("a thousand are logged in at once: one more, and the first one is not any longer") {
  const FakeClock clock;
  Guard guard({{}, hash_of_secret()}, clock);
  std::vector<Sender> browsers;
  while (browsers.size() < 1000)
    browsers.push_back(with_cookie(cookie_of(guard.new_session(true))));
  CHECK(guard.may_look(browsers[0]) == true);
  for (int i = 0; i < 2000; ++i) // who has not entered takes nobody's place
    guard.new_session(false);
  CHECK(guard.may_look(browsers[0]) == true);
  guard.end_session(browsers[500]);
  browsers.push_back(with_cookie(cookie_of(guard.new_session(true))));
  CHECK(guard.may_look(browsers[0]) == true); // the place was free
  browsers.push_back(with_cookie(cookie_of(guard.new_session(true))));
  CHECK(guard.may_look(browsers[0]) == false);
  CHECK(guard.may_look(browsers[1]) == true);
  CHECK(guard.may_look(browsers.back()) == true);
}

TEST_CASE("without a password everybody may look, with one those who gave it") {
  const FakeClock clock;
  Guard open({{}, ""}, clock);
  CHECK_FALSE(open.has_password());
  CHECK(open.may_look({}) == true);
  CHECK_FALSE(open.is_password("").value_or(true));

  Guard guard({{}, hash_of_secret()}, clock);
  CHECK(guard.has_password());
  CHECK(guard.may_look({}) == false);
  CHECK(guard.is_password("secret") == true);
  CHECK(guard.is_password("Secret") == false);
  CHECK(guard.is_password("") == false);
  CHECK(guard.is_password(std::string("secret\0x", 8)) == false);
  CHECK(guard.is_password(std::string(10'000, 'x')) == false);
  // A visitor's session is none of one who has entered.
  CHECK(guard.may_look(with_cookie(cookie_of(guard.new_session(false)))) == false);
  CHECK(guard.may_look(with_cookie(cookie_of(guard.new_session(true)))) == true);
}

TEST_CASE("a program gives the password as Basic") {
  const FakeClock clock;
  Guard guard({{}, hash_of_secret()}, clock);
  CHECK(guard.may_look(with_basic("Om5v")) == false);            // :no
  CHECK(guard.may_look(with_basic("YW55OnNlY3JldA==")) == true); // any:secret
  CHECK(guard.may_look(with_basic("YW55OnNlY3JldA==")) == true); // without yescrypt this time
  CHECK(guard.may_look(with_basic("YW55OnNlY3JldHM=")) == false);
  for (const char* wrong : {"", "c2VjcmV0", "YW55OnNlY3JldA", "!!!!", "=", "===="}) {
    CAPTURE(wrong);
    CHECK(guard.may_look(with_basic(wrong)) == false);
  }
  CHECK(guard.may_look(with_basic(std::string(2000, 'A'))) == false);
  Sender bearer;
  bearer.authorization = "Bearer YW55OnNlY3JldA==";
  CHECK(guard.may_look(bearer) == false);
}

TEST_CASE("passwords that are given at once are checked one after the other") {
  const FakeClock clock;
  Guard guard({{}, hash_of_secret()}, clock);
  std::atomic<int> right = 0;
  std::vector<std::thread> visitors;
  for (int i = 0; i < 4; ++i)
    visitors.emplace_back([&] {
      right += guard.may_look(with_basic("YW55OnNlY3JldA==")) == true; // any:secret
      CHECK(guard.is_password("wrong") == false);
    });
  for (std::thread& visitor : visitors)
    visitor.join();
  CHECK(right == 4);
}

TEST_CASE("a hash is made by yescrypt, and weak ones are known as such") {
  CHECK(is_strong_hash(hash_of_secret()));
  CHECK(hash_of_password("secret") != hash_of_secret()); // salted
  CHECK_FALSE(is_strong_hash("$1$salt$hash"));
  CHECK_FALSE(is_strong_hash("$6$salt$hash"));
  CHECK_FALSE(is_strong_hash("secret"));
  CHECK_FALSE(is_strong_hash(""));
  CHECK_THROWS_WITH(hash_of_password(""), "a password has 1 to 512 bytes");
  CHECK_THROWS_WITH(hash_of_password(std::string(513, 'x')), "a password has 1 to 512 bytes");
}

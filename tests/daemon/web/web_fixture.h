// A site over a database of the product, for tests that ask it over HTTP or look at its pages.
#pragma once

#include "daemon/system_clock.h"
#include "daemon/web/pages.h"
#include "daemon/web/site.h"
#include "tests/daemon/web/raw_client.h"
#include "tests/store/sql_fixture.h"

#include <chrono>
#include <string>

namespace kdq::test {

/// The database, and what a visitor is shown of it without HTTP.
struct PageFixture : SqlFixture {
  web::Page page(const std::string& address, web::Language language = web::Language::english) {
    Reader reader(file);
    return web::make_page(reader, visit(address, language));
  }
  std::string document(const std::string& address,
                       web::Language language = web::Language::english) {
    return web::document(page(address, language), visit(address, language), false);
  }
  static web::Visit visit(const std::string& address,
                          web::Language language = web::Language::english) {
    web::Visit visit;
    const web::Target target = web::target_of(address);
    visit.language = language;
    visit.path = target.path;
    visit.query = target.query;
    visit.may_act = true;
    visit.form_token = "token";
    visit.now = *parse_time("2026-01-02 00:00:00");
    return visit;
  }
};

/// The running site. Its clocks are the machine's, as its threads look at them at the same time.
struct SiteFixture : PageFixture {
  web::HttpServer server{{"127.0.0.1", 0, {}}};
  std::string host = "127.0.0.1:" + std::to_string(server.port());
  SystemClock clock;
  web::Changes changes;
  web::Guard guard;
  web::Site site;
  RunningServer running{server};

  explicit SiteFixture(const std::string& password_hash = {})
      : guard({{host}, password_hash}, clock), site(file, true, guard, changes, clock) {
    site.serve(server);
  }
  ~SiteFixture() { changes.end(); }

  httplib::Client client() const {
    httplib::Client made("127.0.0.1", server.port());
    made.set_read_timeout(std::chrono::minutes(1));
    made.set_default_headers({{"Accept", "text/html"}});
    return made;
  }
};

/// All pages that have an address of their own.
inline const std::vector<std::string> all_pages{"/",     "/jobs",     "/schedules", "/batches",
                                                "/apps", "/failures", "/insights",  "/unconfirmed"};

} // namespace kdq::test

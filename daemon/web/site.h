// What is served under which address.
#pragma once

#include "daemon/web/actions.h"
#include "daemon/web/changes.h"
#include "daemon/web/guard.h"
#include "daemon/web/http_server.h"
#include "daemon/web/live_pages.h"
#include "daemon/web/page.h"
#include "daemon/web/reader_pool.h"

namespace kdq::web {

/// Answers all requests of a server. Thread-safe.
class Site {
public:
  /// All must outlive it. `may_act`: there are forms that change something.
  Site(const std::filesystem::path& database, bool may_act, Guard& guard, Changes& changes,
       const Clock& clock);

  /// The server's requests are answered by this site from now on.
  void serve(HttpServer& server);

  /// What /metrics shows. Throws what Reader throws.
  std::string metrics();

private:
  void get(const httplib::Request& request, httplib::Response& response);
  void post(const httplib::Request& request, httplib::Response& response);
  /// False: the answer is there, the request is refused.
  bool admit(const Sender& sender, const httplib::Request& request, httplib::Response& response);
  void answer_probe(httplib::Response& response);
  void show_metrics(httplib::Response& response);
  /// A stream of what changes in a page. It ends with `session`, if that is not empty.
  void follow(const httplib::Request& request, httplib::Response& response, Visit visit,
              const std::string& session);
  void act(const Visit& form, httplib::Response& response);
  void log_out(const Sender& sender, httplib::Response& response);
  void log_in(const httplib::Request& request, httplib::Response& response, const Visit& visit);
  void show(const Page& page, const Visit& visit, httplib::Response& response);
  Visit visit_of(const httplib::Request& request, const Sender& sender,
                 httplib::Response& response) const;

  bool may_act_;
  Guard& guard_;
  Changes& changes_;
  const Clock& clock_;
  ReaderPool readers_;
  LivePages live_;
  Actions actions_;
};

} // namespace kdq::web

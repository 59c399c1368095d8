#include "tests/sandbox/admin.h"

#include <functional>
#include <stdexcept>

namespace kdq::sandbox {
namespace {

using httplib::Request;
using httplib::Response;
using nlohmann::json;

/// A handler that answers with JSON and turns a bad request into a sentence.
httplib::Server::Handler answering(std::function<json(const Request&)> act) {
  return [act = std::move(act)](const Request& request, Response& response) {
    json answer;
    try {
      answer = act(request);
    } catch (const std::invalid_argument& e) {
      response.status = 400;
      answer = {{"error", e.what()}};
    } catch (const json::exception& e) {
      response.status = 400;
      answer = {{"error", e.what()}};
    }
    response.set_content(answer.dump(-1, ' ', false, json::error_handler_t::replace),
                         "application/json");
  };
}

json set_quota(Service& service, const json& body) {
  for (const Endpoint endpoint : {Endpoint::submit, Endpoint::status}) {
    if (const auto value = body.find(to_text(endpoint)); value != body.end()) {
      service.set_quota(endpoint, value->get<std::int64_t>());
    }
  }
  if (body.value("reset", false)) {
    service.begin_quota_day();
  }
  return service.quota();
}

json add_faults(FaultPlan& faults, const json& body) {
  std::vector<FaultRule> rules;
  for (const json& rule : body.is_array() ? body : json::array({body})) {
    rules.push_back(rule_from_json(rule));
  }
  for (const FaultRule& rule : rules) {
    faults.add(rule);
  }
  return faults.describe();
}

json set_cell(Sheets& sheets, const json& body) {
  const auto cell = body.at("cell").get<std::string>();
  if (body.contains("file")) {
    sheets.write(body.at("file").get<std::string>(), cell, body.at("value"));
  } else {
    sheets.preset(cell, body.at("value"));
  }
  return body;
}

} // namespace

void add_admin_routes(httplib::Server& server, Service& service, Oauth& oauth, Ledger& ledger,
                      FaultPlan& faults, Sheets& sheets) {
  server.Get("/admin/ledger", answering([&](const Request&) {
               json summary = ledger.summary();
               summary["quota"] = service.quota();
               return summary;
             }));
  server.Get("/admin/tasks", answering([&](const Request&) { return service.tasks(); }));
  server.Post("/admin/token", answering([&](const Request& request) {
                service.accept_token(json::parse(request.body).at("token").get<std::string>());
                return json::object();
              }));
  server.Post("/admin/quota", answering([&](const Request& request) {
                return set_quota(service, json::parse(request.body));
              }));
  server.Post("/admin/faults", answering([&](const Request& request) {
                return add_faults(faults, json::parse(request.body));
              }));
  server.Get("/admin/faults", answering([&](const Request&) { return faults.describe(); }));
  server.Delete("/admin/faults", answering([&](const Request&) {
                  faults.clear();
                  return faults.describe();
                }));
  server.Post("/admin/cell", answering([&](const Request& request) {
                return set_cell(sheets, json::parse(request.body));
              }));
  server.Get("/admin/cell", answering([&](const Request& request) {
               return sheets.read(request.get_param_value("file"), request.get_param_value("cell"));
             }));
  if (oauth.has_app()) {
    server.Post("/admin/oauth", answering([&](const Request& request) {
                  oauth.change(oauth_change_from_json(json::parse(request.body)));
                  return oauth.counts();
                }));
    server.Get("/admin/oauth", answering([&](const Request&) { return oauth.counts(); }));
  }
}

} // namespace kdq::sandbox

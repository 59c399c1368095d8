#include "tests/sandbox/sandbox.h"

#include "tests/sandbox/admin.h"

#include <stdexcept>

namespace kdq::sandbox {
namespace {

TlsContext tls_of(const SandboxSettings& settings) {
  if (settings.certificate_file.empty() != settings.key_file.empty()) {
    throw std::invalid_argument("TLS needs both a certificate and a key");
  }
  return settings.certificate_file.empty()
             ? nullptr
             : load_tls_context(settings.certificate_file, settings.key_file);
}

} // namespace

Sandbox::Sandbox(const SandboxSettings& settings)
    : faults_(settings.fault_seed), ledger_(settings.ledger_file), oauth_(settings.oauth, ledger_),
      runner_(settings.engine_path, settings.limits),
      service_(settings.service, runner_, sheets_, ledger_, oauth_),
      front_(settings.style, service_, oauth_, ledger_, faults_, settings.verbose),
      server_(tls_of(settings), settings.threads) {
  if (::access(settings.engine_path.c_str(), X_OK) != 0) {
    throw std::runtime_error("the script engine " + settings.engine_path + " cannot be run");
  }
  for (const std::string& cell : settings.cells) {
    preset_from_text(sheets_, cell);
  }
  for (const std::string& rule : settings.faults) {
    const auto text = nlohmann::json::parse(rule, nullptr, false);
    if (text.is_discarded()) {
      throw std::invalid_argument("fault: " + rule + " is no JSON");
    }
    faults_.add(rule_from_json(text));
  }
  front_.add_routes(server_);
  add_admin_routes(server_, service_, oauth_, ledger_, faults_, sheets_);
  port_ = server_.start(settings.host, settings.port);
  const std::string address = loopback_address(settings.host);
  base_url_ = (settings.certificate_file.empty() ? "http://" : "https://") +
              (address.find(':') == std::string::npos ? address : '[' + address + ']') + ':' +
              std::to_string(port_);
}

Sandbox::~Sandbox() {
  front_.stop();
  server_.stop_and_join();
}

} // namespace kdq::sandbox

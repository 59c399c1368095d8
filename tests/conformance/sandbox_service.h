// The sandbox and CurlTransport under the conformance tests, over a real loopback socket.
#pragma once

#include "daemon/curl_transport.h"
#include "daemon/system_clock.h"
#include "tests/conformance/tested_service.h"
#include "tests/sandbox/test_sandbox.h"

#include <optional>

namespace kdq::test {

class SandboxService : public ServiceUnderTest {
public:
  explicit SandboxService(const ServiceSetup& setup = {});

  Transport& transport() override { return transport_; }
  const Clock& clock() const override { return clock_; }
  AppSettings app() const override;
  std::string script_text(const Script& script) const override;
  void strike(const Strike& strike) override;
  void vanish() override { sandbox_.reset(); }
  Seen seen() override;
  void let_pass_until(const std::function<bool()>& done) override { sandbox::wait_until(done); }

private:
  std::optional<sandbox::Sandbox> sandbox_;
  std::string address_;
  sandbox::TestClient admin_;
  SystemClock clock_;
  CurlTransport transport_;
};

} // namespace kdq::test

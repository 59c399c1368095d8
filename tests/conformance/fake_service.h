// FakeKdocs under the conformance tests: the fake clock, the fake service and its transport.
#pragma once

#include "tests/conformance/tested_service.h"
#include "tests/support/fake_kdocs.h"

#include <deque>

namespace kdq::test {

class FakeService : public ServiceUnderTest {
public:
  explicit FakeService(const ServiceSetup& setup = {});

  Transport& transport() override { return kdocs_; }
  const Clock& clock() const override { return clock_; }
  AppSettings app() const override;
  std::string script_text(const Script& script) const override;
  void strike(const Strike& strike) override { strikes_.push_back(strike); }
  void vanish() override { vanished_ = true; }
  Seen seen() override;
  void let_pass_until(const std::function<bool()>& done) override;

private:
  Fault next_fault(Endpoint endpoint);

  FakeClock clock_;
  FakeKdocs kdocs_{clock_};
  std::deque<Strike> strikes_;
  bool drop_next_ = false; ///< the kept-alive connection's next request
  bool vanished_ = false;
};

} // namespace kdq::test

// The story of a run, for a person who looks for the cause of a failure.
#pragma once

#include "poller/clock.h"

#include <cstdio>
#include <string>

namespace kdq::sim {

class Trace {
public:
  explicit Trace(bool on) : on_(on) {}
  bool on() const { return on_; }

  /// Texts are made only if somebody reads them.
  template <class Text>
  void tell(const Clock& clock, Text&& text) const {
    if (on_)
      std::fprintf(stderr, "%s  %s\n", kdq::to_text(clock.wall()).c_str() + 5,
                   std::string(text()).c_str());
  }

private:
  bool on_;
};

} // namespace kdq::sim

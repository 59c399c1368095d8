// The machine's clocks.
#pragma once

#include "poller/clock.h"

namespace kdq {

class SystemClock : public Clock {
public:
  WallTime wall() const override;
  SteadyTime steady() const override;
};

} // namespace kdq

// What the database itself refuses a user.
#pragma once

#include <stdexcept>

namespace kdq {

/// A constraint or a trigger refuses it: the text is the database's own, and nothing was changed.
struct JobRefused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

} // namespace kdq

// What the store says when it cannot do what it is asked to.
#pragma once

#include "store/database.h"

#include <functional>
#include <stdexcept>
#include <string>

namespace kdq::test {

/// Why a change is not possible; an empty sentence: it is.
inline StoreUnavailable trouble_of(Database& database, const std::function<void()>& change) {
  try {
    database.write(change);
  } catch (const StoreUnavailable& unavailable) {
    return unavailable;
  }
  return StoreUnavailable("");
}

/// Empty: nothing was thrown.
inline std::string sentence_of(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

} // namespace kdq::test

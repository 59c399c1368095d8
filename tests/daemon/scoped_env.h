// An environment variable that is what a test needs for as long as it runs.
#pragma once

#include <cstdlib>
#include <string>

namespace kdq::test {

/// Sets or (nullptr) removes an environment variable until it goes.
class ScopedEnv {
public:
  ScopedEnv(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) {
      was_set_ = true;
      old_ = old;
    }
    set(value);
  }
  ~ScopedEnv() { set(was_set_ ? old_.c_str() : nullptr); }
  ScopedEnv(const ScopedEnv&) = delete;
  ScopedEnv& operator=(const ScopedEnv&) = delete;

private:
  void set(const char* value) const {
    if (value == nullptr)
      ::unsetenv(name_);
    else
      ::setenv(name_, value, 1);
  }
  const char* name_;
  bool was_set_ = false;
  std::string old_;
};

} // namespace kdq::test

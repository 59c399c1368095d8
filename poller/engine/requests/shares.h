// Divides a number of places among the apps, so that none of them waits for another's. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace kdq {

/// Any app may take any place that is free, but for what is kept for the others: of half of all
/// places each of them has an even part, as far as it has not taken it. So the places do not stand
/// idle, and an app whose requests hang for a minute does not take the last one.
class Shares {
public:
  Shares() = default;
  explicit Shares(std::size_t places) : places_(places) {}

  /// To be called for each app that a part is kept for, and before room(): it has so many places.
  void keep_for(const std::string& app, std::size_t taken);
  /// One that no part is kept for may take places as well.
  void take(const std::string& app, std::size_t count = 1);
  /// How many more the app may take.
  std::size_t room(const std::string& app) const;

private:
  std::size_t kept() const { return places_ / (2 * apps_.size()); }

  std::size_t places_ = 0;
  std::size_t taken_ = 0;                   ///< in all
  std::map<std::string, std::size_t> apps_; ///< taken by each
};

} // namespace kdq

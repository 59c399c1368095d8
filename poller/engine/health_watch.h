// Looks at the view health for those who want to be told of what is new in it.
#pragma once

#include "store/base/time.h"

namespace kdq {

class Database;
class Notices;
class Notifications;

/// For the engine, which calls it at the end of its ticks. Without a rule that names `health` it
/// does nothing. What was told stands in the database: a restart tells nothing twice.
class HealthWatch {
public:
  HealthWatch(Database& database, Notifications& table, Notices& notices)
      : database_(database), table_(table), notices_(notices) {}

  /// Rows were written that the view is made of.
  void rows_changed() { changed_ = true; }
  /// Looks if it is time for that: once a minute, sooner after rows_changed(). Throws
  /// StoreUnavailable: the next call looks again.
  void look(Moment now);
  /// When look() is to be called; far future: never.
  SteadyTime next_wake() const;

private:
  SteadyTime due() const;

  Database& database_;
  Notifications& table_;
  Notices& notices_;
  bool changed_ = true;
  SteadyTime looked_at_ = SteadyTime::min();
};

} // namespace kdq

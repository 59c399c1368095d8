// One run: an engine with a real database on a fake clock, a fake service, users, and their plan.
#pragma once

#include "poller/engine/engine.h"
#include "store/database.h"
#include "tests/sim/asked_waits.h"
#include "tests/sim/fault_vfs.h"
#include "tests/sim/neighbour.h"
#include "tests/sim/plan.h"
#include "tests/sim/restores.h"
#include "tests/sim/roll.h"
#include "tests/sim/trace.h"
#include "tests/sim/users.h"
#include "tests/sim/wire.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_kdocs.h"
#include "tests/support/fake_tokens.h"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kdq::sim {

/// What a run has seen, for the invariants and for the totals.
struct Seen {
  std::size_t faults = 0;      ///< requests that something happened to
  std::size_t not_sent = 0;    ///< those that found no connection
  std::size_t deaths = 0;      ///< kills and power cuts
  std::size_t exits = 0;       ///< ends with exit code 1, because the store failed
  bool left_in_flight = false; ///< an end of the daemon left requests without a stored answer
  bool stepped = false;        ///< the civil clock was set
  std::vector<std::string> violations; ///< of rules that are watched while it runs
};

class World {
public:
  /// `folder`: for the database; what another run left there is replaced. `prepared`: a database
  /// with all tables and no rows. Faults and deaths are planned in `vfs`, after begin_run().
  World(FaultVfs& vfs, Plan plan, Trace& trace, std::filesystem::path folder,
        const std::filesystem::path& prepared);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// After each death another one comes within so many points; 0: no other.
  void die_again_within(std::uint64_t points, Death death);

  /// Plays the plan, ends all faults, lets the queue run empty and stops the daemon.
  void run();

  const Plan& plan() const { return plan_; }
  const Seen& seen() const { return seen_; }
  const test::FakeKdocs& kdocs() const { return kdocs_; }
  const Wire& wire() const { return wire_; }
  Users& users() { return users_; }
  const Restores& restores() const { return restores_; }
  const AskedWaits& asked_waits() const { return asked_waits_; }
  const Neighbour& neighbour() const { return neighbour_; }
  const test::FakeClock& clock() const { return clock_; }

private:
  /// The process: what is gone when it is.
  struct Daemon {
    std::unique_ptr<Database> database;
    std::unique_ptr<Engine> engine;
    /// Looks at what each request leaves behind, while it leaves: to connect for each takes longer
    /// than all the rest. Gone before the database is: the last one to leave empties its log.
    std::unique_ptr<SQLite::Database> onlooker;
    bool stopping = false;
    SteadyTime since{};
    SteadyTime stop_deadline{};
  };
  class Listener;

  void lay_out_files(const std::filesystem::path& prepared);
  void set_up_service();
  void set_up_renewals();
  void consent_if_asked();
  std::optional<IntentKey> intent_of(const HttpRequest& request);
  void play(std::chrono::milliseconds span);
  void step(SteadyTime limit);
  void do_what_is_due();
  void perform(const Action& action);
  void insert(const Action& action);
  void back_up(const Action& action);
  void restore(const Action& action);
  void check_held();
  void insist(const std::function<bool()>& again, const std::function<void()>& then);
  void start_daemon();
  /// What the process does between start and end, in the errors that end it.
  void as_process(const std::function<void()>& work);
  SteadyTime tick();
  void exit_with_error(const std::string& why);
  void end_daemon();
  void cut_wire(bool at_once);
  void bury();
  void calm();
  void repair_disk();
  bool run_empty();
  bool is_empty();
  void check_schedules_go_on();
  void check_files_in_use();
  void check_classes();
  void watch_roll();
  void check_waiting();
  std::string app_of(const std::string& url) const;
  void before_send(const HttpRequest& request);
  void after_tick();
  void judge_end_of_daemon();
  bool is_quiet() const;

  FaultVfs& vfs_;
  Plan plan_;
  Trace& trace_;
  std::filesystem::path folder_;
  std::filesystem::path file_;
  test::FakeClock clock_;
  SteadyTime begins_;
  test::FakeKdocs kdocs_;
  Wire wire_;
  Users users_;
  std::unique_ptr<Listener> events_;
  test::FakeTokens token_;
  bool consented_ = false;
  std::size_t consented_after_ = 0; ///< so many refused renewals
  Random service_random_;
  Random death_random_;
  Seen seen_;
  Roll roll_;
  Restores restores_;
  AskedWaits asked_waits_;
  Neighbour neighbour_{plan_};
  SteadyTime next_look_at_neighbour_{};
  std::unique_ptr<Daemon> daemon_;
  SteadyTime starts_at_{};
  std::multimap<SteadyTime, std::function<void()>> agenda_;
  std::uint64_t die_again_within_ = 0;
  Death next_death_ = Death::kill;
  bool audited_ = false;
  bool repair_is_planned_ = false;
  bool calm_ = false;
  std::uint64_t ticks_ = 0;
};

} // namespace kdq::sim

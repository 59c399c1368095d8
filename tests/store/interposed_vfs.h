// SQLite's calls of the operating system, with something done in between.
#pragma once

#include <functional>
#include <memory>

struct sqlite3_vfs;

namespace kdq::test {

/// While it lives, connections that name no VFS go through it. They must be closed before it goes.
class InterposedVfs {
public:
  InterposedVfs();
  ~InterposedVfs();
  InterposedVfs(const InterposedVfs&) = delete;
  InterposedVfs& operator=(const InterposedVfs&) = delete;

  /// Called before each of their calls that another process could come in between; not while it is
  /// being called.
  std::function<void()> at_call;

private:
  friend struct InterposedCalls;
  void call();

  std::unique_ptr<sqlite3_vfs> vfs_;
  bool calling_ = false;
};

} // namespace kdq::test

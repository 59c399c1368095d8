#include "tests/sim/fault_vfs.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>
#include <type_traits>

namespace kdq::sim {
namespace {

// Julian day of 1970-01-01 00:00 UTC in milliseconds, the unit of xCurrentTimeInt64.
constexpr sqlite3_int64 unix_epoch_julian_ms = 210866760000000;

/// What SQLite allocates for an open file: ours, and behind it the unix VFS's.
struct OpenFile {
  sqlite3_file base;
  FaultVfs::Side* side;
  UnsyncedFile* unsynced; ///< null: a file that is not kept track of
  Touch write;            ///< how writes to it count
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
static_assert(std::is_trivially_destructible_v<OpenFile> && sizeof(OpenFile) % 8 == 0);

OpenFile& self(sqlite3_file* file) {
  return *reinterpret_cast<OpenFile*>(file);
}

FaultVfs::Side& side_of(sqlite3_vfs* vfs) {
  return *static_cast<FaultVfs::Side*>(vfs->pAppData);
}

Touch write_kind(int flags) {
  if (flags & SQLITE_OPEN_WAL)
    return Touch::wal_write;
  return flags & SQLITE_OPEN_MAIN_DB ? Touch::db_write : Touch::other_write;
}

int io_error(Touch what) {
  switch (what) {
  case Touch::sync:
    return SQLITE_IOERR_FSYNC;
  case Touch::read:
    return SQLITE_IOERR_READ;
  case Touch::truncate:
    return SQLITE_IOERR_TRUNCATE;
  case Touch::remove:
    return SQLITE_IOERR_DELETE;
  default:
    return SQLITE_IOERR_WRITE;
  }
}

} // namespace

/// The functions that SQLite calls.
struct VfsCalls {
  /// Runs `work` as a touch: with the points before and after it, and with the failure planned.
  template <class Work>
  static int touching(FaultVfs::Side& side, Touch what, Work&& work) {
    FaultVfs& vfs = *side.owner;
    if (side.dead || (side.is_daemon && vfs.touch(what, false)))
      return io_error(what);
    if (const auto code = vfs.failure(side, what))
      return *code;
    const int code = work();
    if (side.is_daemon && vfs.touch(what, true))
      return io_error(what);
    return code;
  }

  static FileChange change_at(OpenFile& file, sqlite3_int64 offset, sqlite3_int64 count) {
    FileChange change;
    change.offset = offset;
    sqlite3_int64 size = 0;
    file.real()->pMethods->xFileSize(file.real(), &size);
    change.size_before = size;
    const sqlite3_int64 present = std::min(count, size - offset);
    if (present > 0) {
      change.old_bytes.resize(static_cast<std::size_t>(present));
      file.real()->pMethods->xRead(file.real(), change.old_bytes.data(), static_cast<int>(present),
                                   offset);
    }
    return change;
  }

  // --- files -------------------------------------------------------------------------------
  static int close(sqlite3_file* f) {
    sqlite3_file* real = self(f).real();
    return real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;
  }
  static int read(sqlite3_file* f, void* to, int count, sqlite3_int64 offset) {
    OpenFile& file = self(f);
    if (file.side->dead)
      return SQLITE_IOERR_READ;
    if (file.side->is_daemon)
      if (const auto code = file.side->owner->failure(*file.side, Touch::read))
        return *code;
    return file.real()->pMethods->xRead(file.real(), to, count, offset);
  }
  static int write(sqlite3_file* f, const void* from, int count, sqlite3_int64 offset) {
    OpenFile& file = self(f);
    return touching(*file.side, file.write, [&] {
      if (file.unsynced && file.side->owner->keep_unsynced_) {
        FileChange change = change_at(file, offset, count);
        change.new_bytes.assign(static_cast<const char*>(from), static_cast<std::size_t>(count));
        file.unsynced->changed(std::move(change));
      }
      return file.real()->pMethods->xWrite(file.real(), from, count, offset);
    });
  }
  static int truncate(sqlite3_file* f, sqlite3_int64 size) {
    OpenFile& file = self(f);
    return touching(*file.side, Touch::truncate, [&] {
      if (file.unsynced && file.side->owner->keep_unsynced_) {
        FileChange change = change_at(file, size, INT64_MAX - size);
        change.truncate = true;
        file.unsynced->changed(std::move(change));
      }
      return file.real()->pMethods->xTruncate(file.real(), size);
    });
  }
  static int sync(sqlite3_file* f, int) {
    OpenFile& file = self(f);
    return touching(*file.side, Touch::sync, [&] {
      if (file.unsynced)
        file.unsynced->synced();
      return SQLITE_OK; // the simulation's disk is memory: there is nothing to wait for
    });
  }
  static int file_size(sqlite3_file* f, sqlite3_int64* size) {
    return self(f).real()->pMethods->xFileSize(self(f).real(), size);
  }
  static int lock(sqlite3_file* f, int level) {
    return self(f).real()->pMethods->xLock(self(f).real(), level);
  }
  static int unlock(sqlite3_file* f, int level) {
    return self(f).real()->pMethods->xUnlock(self(f).real(), level);
  }
  static int check_lock(sqlite3_file* f, int* reserved) {
    return self(f).real()->pMethods->xCheckReservedLock(self(f).real(), reserved);
  }
  static int file_control(sqlite3_file* f, int op, void* value) {
    return self(f).real()->pMethods->xFileControl(self(f).real(), op, value);
  }
  static int sector_size(sqlite3_file* f) {
    return self(f).real()->pMethods->xSectorSize(self(f).real());
  }
  static int characteristics(sqlite3_file* f) {
    return self(f).real()->pMethods->xDeviceCharacteristics(self(f).real());
  }
  static int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** memory) {
    return self(f).real()->pMethods->xShmMap(self(f).real(), page, size, extend, memory);
  }
  static int shm_lock(sqlite3_file* f, int offset, int count, int flags) {
    return self(f).real()->pMethods->xShmLock(self(f).real(), offset, count, flags);
  }
  static void shm_barrier(sqlite3_file* f) {
    self(f).real()->pMethods->xShmBarrier(self(f).real());
  }
  static int shm_unmap(sqlite3_file* f, int remove) {
    // A dead process removes nothing.
    OpenFile& file = self(f);
    return file.real()->pMethods->xShmUnmap(file.real(), file.side->dead ? 0 : remove);
  }

  static const sqlite3_io_methods* methods() {
    static const sqlite3_io_methods table = {2,
                                             close,
                                             read,
                                             write,
                                             truncate,
                                             sync,
                                             file_size,
                                             lock,
                                             unlock,
                                             check_lock,
                                             file_control,
                                             sector_size,
                                             characteristics,
                                             shm_map,
                                             shm_lock,
                                             shm_barrier,
                                             shm_unmap,
                                             nullptr,
                                             nullptr};
    return &table;
  }

  // --- the VFS -----------------------------------------------------------------------------
  static int open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* f, int flags, int* out) {
    FaultVfs::Side& side = side_of(vfs);
    auto* file = new (f) OpenFile{{nullptr}, &side, nullptr, write_kind(flags)};
    if (side.dead)
      return SQLITE_CANTOPEN;
    std::memset(file->real(), 0, static_cast<std::size_t>(side.owner->real_.szOsFile));
    const int code = side.owner->real_.xOpen(&side.owner->real_, name, file->real(), flags, out);
    if (file->real()->pMethods != nullptr)
      file->base.pMethods = methods();
    if (code == SQLITE_OK && name != nullptr)
      file->unsynced = &side.owner->files_.try_emplace(name, name).first->second;
    return code;
  }
  static int remove(sqlite3_vfs* vfs, const char* name, int sync_folder) {
    FaultVfs::Side& side = side_of(vfs);
    return touching(side, Touch::remove, [&] {
      const auto known = side.owner->files_.find(name);
      if (known != side.owner->files_.end())
        known->second.synced();
      return side.owner->real_.xDelete(&side.owner->real_, name, sync_folder);
    });
  }
  static int access(sqlite3_vfs* vfs, const char* name, int flags, int* result) {
    sqlite3_vfs& real = side_of(vfs).owner->real_;
    return real.xAccess(&real, name, flags, result);
  }
  static int full_path(sqlite3_vfs* vfs, const char* name, int size, char* out) {
    sqlite3_vfs& real = side_of(vfs).owner->real_;
    return real.xFullPathname(&real, name, size, out);
  }
  static int randomness(sqlite3_vfs* vfs, int size, char* out) {
    sqlite3_vfs& real = side_of(vfs).owner->real_;
    return real.xRandomness(&real, size, out);
  }
  /// Nobody can give up a lock meanwhile: there is one thread.
  static int sleep(sqlite3_vfs*, int microseconds) { return microseconds; }
  static int time_ms(sqlite3_vfs* vfs, sqlite3_int64* now) {
    FaultVfs& owner = *side_of(vfs).owner;
    if (owner.clock_ == nullptr)
      return owner.real_.xCurrentTimeInt64(&owner.real_, now);
    *now = unix_epoch_julian_ms + owner.clock_->wall().time_since_epoch().count();
    return SQLITE_OK;
  }
  static int time(sqlite3_vfs* vfs, double* now) {
    sqlite3_int64 ms = 0;
    const int code = time_ms(vfs, &ms);
    *now = static_cast<double>(ms) / 86400000.0;
    return code;
  }
  static int last_error(sqlite3_vfs* vfs, int size, char* out) {
    sqlite3_vfs& real = side_of(vfs).owner->real_;
    return real.xGetLastError(&real, size, out);
  }

  static void set_up(FaultVfs& owner, FaultVfs::Side& side, const char* name, bool is_daemon) {
    side.owner = &owner;
    side.is_daemon = is_daemon;
    sqlite3_vfs& vfs = side.vfs;
    vfs.iVersion = 2;
    vfs.szOsFile = static_cast<int>(sizeof(OpenFile)) + owner.real_.szOsFile;
    vfs.mxPathname = owner.real_.mxPathname;
    vfs.zName = name;
    vfs.pAppData = &side;
    vfs.xOpen = open;
    vfs.xDelete = remove;
    vfs.xAccess = access;
    vfs.xFullPathname = full_path;
    vfs.xRandomness = randomness;
    vfs.xSleep = sleep;
    vfs.xCurrentTime = time;
    vfs.xCurrentTimeInt64 = time_ms;
    vfs.xGetLastError = last_error;
    sqlite3_vfs_register(&vfs, is_daemon ? 1 : 0);
  }
};

FaultVfs::FaultVfs() : real_(*sqlite3_vfs_find("unix")) {
  VfsCalls::set_up(*this, daemon_, "kdq-sim-daemon", true);
  VfsCalls::set_up(*this, users_, user_vfs, false);
}

FaultVfs::~FaultVfs() {
  sqlite3_vfs_unregister(&users_.vfs);
  sqlite3_vfs_unregister(&daemon_.vfs);
  sqlite3_vfs_register(&real_, 1);
}

void FaultVfs::begin_run(const Clock& clock, bool keep_unsynced, bool recording) {
  clock_ = &clock;
  keep_unsynced_ = keep_unsynced;
  recording_ = recording;
  files_.clear();
  die_at_.reset();
  next_point_ = 0;
  points_.clear();
  fail_at_.reset();
  failing_.reset();
  failed_ = false;
  next_touch_ = 0;
  touches_.clear();
  daemon_.dead = users_.dead = false;
}

void FaultVfs::end_run() {
  clock_ = nullptr;
  die_at_.reset();
  fail_at_.reset();
  failing_.reset();
}

void FaultVfs::die_at(std::uint64_t point, Death death) {
  die_at_ = point;
  death_ = death;
}

void FaultVfs::come_back(Forget forget, Random& random) {
  if (users_.dead)
    for (auto& [path, file] : files_) {
      file.cut(forget, random);
      std::remove((path + "-shm").c_str());
    }
  daemon_.dead = users_.dead = false;
}

bool FaultVfs::touch(Touch what, bool after) {
  if (daemon_.dead)
    return true;
  if (recording_)
    points_.push_back({what, after});
  if (next_point_++ == die_at_) {
    daemon_.dead = true;
    users_.dead = death_ == Death::power;
  }
  return daemon_.dead;
}

std::optional<int> FaultVfs::failure(const Side& side, Touch what) {
  const bool write =
      what == Touch::wal_write || what == Touch::db_write || what == Touch::other_write;
  // Users meet the full disk only. After a sync that failed, SQLite leaves it open whether their
  // INSERT happened (a recovery finds it in the log), and no rule could be checked.
  if (!side.is_daemon && !(full_ && write))
    return std::nullopt;
  bool fails = failing_ == what;
  if (side.is_daemon) {
    if (recording_)
      touches_.push_back(what);
    if (next_touch_++ == fail_at_) {
      fails = failed_ = true;
      if (lasting_)
        failing_ = what;
    }
  }
  if (!fails)
    return std::nullopt;
  return full_ && write ? SQLITE_FULL : io_error(what);
}

void FaultVfs::fail_at(std::uint64_t touch, bool full, bool lasting) {
  fail_at_ = touch;
  full_ = full;
  lasting_ = lasting;
}

void FaultVfs::repair() {
  failing_.reset();
}

} // namespace kdq::sim

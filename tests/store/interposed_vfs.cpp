#include "tests/store/interposed_vfs.h"

#include "store/database.h"
#include "tests/support/temp_dir.h"

#include <sqlite3.h>

#include <new>
#include <type_traits>

namespace kdq::test {
namespace {

/// SQLite takes no settings after its first use: that must be Database's, not the search for a VFS.
const sqlite3_vfs& unix_vfs_after_first_use() {
  {
    const TempDir dir;
    const Database first(dir.path() / "first.db");
  }
  return *sqlite3_vfs_find("unix");
}

/// What SQLite allocates for an open file: ours, and behind it the real one.
struct OpenFile {
  sqlite3_file base;
  InterposedVfs* owner;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
static_assert(std::is_trivially_destructible_v<OpenFile> && sizeof(OpenFile) % 8 == 0);

sqlite3_file* real(sqlite3_file* file) {
  return reinterpret_cast<OpenFile*>(file)->real();
}

} // namespace

struct InterposedCalls {
  static const sqlite3_io_methods methods;

  static sqlite3_file* before(sqlite3_file* file) {
    reinterpret_cast<OpenFile*>(file)->owner->call();
    return real(file);
  }
  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
    auto* opened = new (file) OpenFile{{nullptr}, static_cast<InterposedVfs*>(vfs->pAppData)};
    sqlite3_vfs* unix_vfs = sqlite3_vfs_find("unix");
    const int code = unix_vfs->xOpen(unix_vfs, name, opened->real(), flags, out);
    if (opened->real()->pMethods != nullptr)
      opened->base.pMethods = &methods;
    return code;
  }
  static int close(sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); }
  static int read(sqlite3_file* f, void* to, int count, sqlite3_int64 at) {
    return before(f)->pMethods->xRead(real(f), to, count, at);
  }
  static int write(sqlite3_file* f, const void* from, int count, sqlite3_int64 at) {
    return before(f)->pMethods->xWrite(real(f), from, count, at);
  }
  static int truncate(sqlite3_file* f, sqlite3_int64 size) {
    return before(f)->pMethods->xTruncate(real(f), size);
  }
  static int sync(sqlite3_file* f, int flags) { return before(f)->pMethods->xSync(real(f), flags); }
  static int file_size(sqlite3_file* f, sqlite3_int64* size) {
    return before(f)->pMethods->xFileSize(real(f), size);
  }
  static int lock(sqlite3_file* f, int level) { return before(f)->pMethods->xLock(real(f), level); }
  static int unlock(sqlite3_file* f, int level) {
    return before(f)->pMethods->xUnlock(real(f), level);
  }
  static int check_reserved(sqlite3_file* f, int* out) {
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
  }
  static int control(sqlite3_file* f, int what, void* data) {
    return real(f)->pMethods->xFileControl(real(f), what, data);
  }
  static int sector_size(sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); }
  static int characteristics(sqlite3_file* f) {
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
  }
  static int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
    return before(f)->pMethods->xShmMap(real(f), page, size, extend, out);
  }
  static int shm_lock(sqlite3_file* f, int offset, int count, int flags) {
    return before(f)->pMethods->xShmLock(real(f), offset, count, flags);
  }
  static void shm_barrier(sqlite3_file* f) { before(f)->pMethods->xShmBarrier(real(f)); }
  static int shm_unmap(sqlite3_file* f, int remove) {
    return real(f)->pMethods->xShmUnmap(real(f), remove);
  }
  static int fetch(sqlite3_file* f, sqlite3_int64 at, int count, void** out) {
    return before(f)->pMethods->xFetch(real(f), at, count, out);
  }
  static int unfetch(sqlite3_file* f, sqlite3_int64 at, void* page) {
    return before(f)->pMethods->xUnfetch(real(f), at, page);
  }
};

const sqlite3_io_methods InterposedCalls::methods = {3,
                                                     close,
                                                     read,
                                                     write,
                                                     truncate,
                                                     sync,
                                                     file_size,
                                                     lock,
                                                     unlock,
                                                     check_reserved,
                                                     control,
                                                     sector_size,
                                                     characteristics,
                                                     shm_map,
                                                     shm_lock,
                                                     shm_barrier,
                                                     shm_unmap,
                                                     fetch,
                                                     unfetch};

InterposedVfs::InterposedVfs() : vfs_(std::make_unique<sqlite3_vfs>(unix_vfs_after_first_use())) {
  vfs_->zName = "kdq-interposed";
  vfs_->szOsFile += static_cast<int>(sizeof(OpenFile));
  vfs_->pAppData = this;
  vfs_->xOpen = InterposedCalls::open;
  sqlite3_vfs_register(vfs_.get(), 1);
}

InterposedVfs::~InterposedVfs() {
  sqlite3_vfs_unregister(vfs_.get());
  sqlite3_vfs_register(sqlite3_vfs_find("unix"), 1);
}

void InterposedVfs::call() {
  if (calling_ || !at_call)
    return;
  calling_ = true;
  at_call();
  calling_ = false;
}

} // namespace kdq::test

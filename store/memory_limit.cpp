#include "store/memory_limit.h"

#include <sqlite3.h>

#include <atomic>

namespace kdq {
namespace {

// SQLite has one allocator for the whole process, and hands it nothing to know itself by.
sqlite3_mem_methods usual;
std::int64_t limit = 0;
std::atomic<std::int64_t> in_use{0};

void add(std::int64_t bytes) {
  in_use.fetch_add(bytes, std::memory_order_relaxed);
}

bool has_room(std::int64_t bytes) {
  return in_use.load(std::memory_order_relaxed) + bytes <= limit;
}

void* allocate(int bytes) {
  void* memory = has_room(bytes) ? usual.xMalloc(bytes) : nullptr;
  if (memory)
    add(usual.xSize(memory));
  return memory;
}

void release(void* memory) {
  add(-std::int64_t{usual.xSize(memory)});
  usual.xFree(memory);
}

void* resize(void* memory, int bytes) {
  const std::int64_t before = usual.xSize(memory);
  void* moved = has_room(bytes - before) ? usual.xRealloc(memory, bytes) : nullptr;
  if (moved)
    add(usual.xSize(moved) - before);
  return moved;
}

} // namespace

void limit_sqlite_memory(std::int64_t bytes) {
  limit = bytes;
  sqlite3_mem_methods bounded{};
  if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual) != SQLITE_OK)
    return;
  bounded = usual;
  bounded.xMalloc = allocate;
  bounded.xFree = release;
  bounded.xRealloc = resize;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &bounded);
}

} // namespace kdq

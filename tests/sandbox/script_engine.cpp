#include "tests/sandbox/script_engine.h"

#include "tests/sandbox/script_prelude.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <duktape.h>
#include <memory>
#include <string_view>
#include <thread>

// Duktape leaves a native function with longjmp, so a function here has no object with a destructor
// alive when it calls something of Duktape's that can throw.

namespace kdq::sandbox {
namespace {

constexpr const char* prelude_file = "sandbox-prelude";

/// The heap's user data: its memory account and the way out.
struct Engine {
  ScriptHost& host;
  const char* file_name;
  std::size_t memory_bytes;
  std::size_t used_bytes = 0;
  bool memory_refused = false;
  int throw_line = 0; ///< script line of the newest exception
};

// --- memory: each block carries its size in front ------------------------------------------------

constexpr std::size_t header_bytes = alignof(std::max_align_t);

std::size_t block_size(void* block) {
  std::size_t size = 0;
  std::memcpy(&size, static_cast<char*>(block) - header_bytes, sizeof size);
  return size;
}

void* heap_realloc(void* udata, void* block, duk_size_t size) {
  auto& engine = *static_cast<Engine*>(udata);
  const std::size_t before = block == nullptr ? 0 : block_size(block);
  void* base = block == nullptr ? nullptr : static_cast<char*>(block) - header_bytes;
  if (size == 0) {
    std::free(base);
    engine.used_bytes -= before;
    return nullptr;
  }
  if (size > before && size - before > engine.memory_bytes - engine.used_bytes) {
    engine.memory_refused = true;
    return nullptr;
  }
  void* moved = std::realloc(base, size + header_bytes);
  if (moved == nullptr) {
    engine.memory_refused = true;
    return nullptr;
  }
  engine.used_bytes = engine.used_bytes - before + size;
  std::memcpy(moved, &size, sizeof size);
  return static_cast<char*>(moved) + header_bytes;
}

void* heap_alloc(void* udata, duk_size_t size) {
  return heap_realloc(udata, nullptr, size);
}

void heap_free(void* udata, void* block) {
  if (block != nullptr) {
    heap_realloc(udata, block, 0);
  }
}

void heap_fatal(void* udata, const char* message) {
  auto& engine = *static_cast<Engine*>(udata);
  engine.host.fatal(engine.memory_refused ? "out of memory" : message);
}

struct HeapDeleter {
  void operator()(duk_context* context) const { duk_destroy_heap(context); }
};
using Heap = std::unique_ptr<duk_context, HeapDeleter>;

Engine& engine_of(duk_context* context) {
  duk_memory_functions functions;
  duk_get_memory_functions(context, &functions);
  return *static_cast<Engine*>(functions.udata);
}

// --- natives
// --------------------------------------------------------------------------------------

/// The line of the innermost frame that is the script's own; 0 if there is none.
int script_line(duk_context* context, const char* file_name) {
  for (duk_int_t level = -1;; --level) {
    duk_inspect_callstack_entry(context, level);
    if (!duk_is_object(context, -1)) {
      duk_pop(context);
      return 0;
    }
    duk_get_prop_string(context, -1, "lineNumber");
    const int line = duk_get_int(context, -1);
    duk_get_prop_string(context, -2, "function");
    bool own = false;
    if (duk_is_object(context, -1)) {
      duk_get_prop_string(context, -1, "fileName");
      const char* file = duk_get_string(context, -1);
      own = file != nullptr && std::strcmp(file, file_name) == 0;
      duk_pop(context);
    }
    duk_pop_3(context);
    if (own && line > 0) {
      return line;
    }
  }
}

duk_ret_t native_log(duk_context* context) {
  Engine& engine = engine_of(context);
  const char* level = duk_require_string(context, 0);
  duk_size_t size = 0;
  const char* args = duk_require_lstring(context, 1, &size);
  const int line = script_line(context, engine.file_name);
  engine.host.log(level, line, to_utf8(args, size));
  return 0;
}

duk_ret_t native_sleep(duk_context* context) {
  constexpr double longest_ms = 1e9; // keeps the conversion below in range
  const double ms = duk_require_number(context, 0);
  std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(std::min(ms, longest_ms)));
  return 0;
}

/// Throws the message on top of Duktape's stack; call it outside of every C++ scope.
duk_ret_t throw_pushed_message(duk_context* context) {
  // File and line of the C source are left out: the script's line is what its author can use.
  duk_error_raw(context, DUK_ERR_RANGE_ERROR, nullptr, 0, "%s", duk_require_string(context, -1));
  return 0;
}

duk_ret_t native_read(duk_context* context) {
  Engine& engine = engine_of(context);
  duk_size_t size = 0;
  const char* address = duk_require_lstring(context, 0, &size);
  bool failed = false;
  {
    // Pushing a short string can only fail when memory is out; the text it would leak is the
    // process's last.
    std::string error;
    const std::string value = engine.host.read_cell(to_utf8(address, size), error);
    failed = !error.empty();
    const std::string& pushed = failed ? error : value;
    duk_push_lstring(context, pushed.data(), pushed.size());
  }
  return failed ? throw_pushed_message(context) : 1;
}

duk_ret_t native_write(duk_context* context) {
  Engine& engine = engine_of(context);
  duk_size_t address_size = 0;
  const char* address = duk_require_lstring(context, 0, &address_size);
  duk_size_t value_size = 0;
  const char* value = duk_require_lstring(context, 1, &value_size);
  bool failed = false;
  {
    std::string error;
    engine.host.write_cell(to_utf8(address, address_size), to_utf8(value, value_size), error);
    failed = !error.empty();
    duk_push_lstring(context, error.data(), error.size());
  }
  return failed ? throw_pushed_message(context) : 0;
}

/// Duktape.errThrow: sees every exception while the frames that led to it still stand.
duk_ret_t native_note_throw(duk_context* context) {
  Engine& engine = engine_of(context);
  engine.throw_line = script_line(context, engine.file_name);
  return 1;
}

// --- one run
// --------------------------------------------------------------------------------------

void put_function(duk_context* context, const char* name, duk_c_function function, int arity) {
  duk_push_c_function(context, function, arity);
  duk_put_prop_string(context, -2, name);
}

/// Stack: argv as JSON text, at the bottom → the prelude's value-to-JSON function.
duk_ret_t install(duk_context* context, void* /*udata*/) {
  duk_push_string(context, prelude_file);
  duk_compile_string_filename(context, DUK_COMPILE_EVAL, script_prelude);
  duk_call(context, 0);

  duk_push_object(context);
  put_function(context, "log", native_log, 2);
  put_function(context, "sleep", native_sleep, 1);
  put_function(context, "read", native_read, 1);
  put_function(context, "write", native_write, 2);
  duk_push_global_object(context);
  duk_put_prop_string(context, -2, "global");
  duk_dup(context, 0);
  duk_json_decode(context, -1);
  duk_call(context, 2);

  duk_get_global_string(context, "Duktape");
  put_function(context, "errThrow", native_note_throw, 1);
  duk_pop(context);
  return 1;
}

/// Stack: describe, source, file name → JSON text of the last expression's value.
duk_ret_t evaluate(duk_context* context, void* /*udata*/) {
  duk_compile(context, DUK_COMPILE_EVAL);
  duk_call(context, 0);
  duk_call(context, 1);
  duk_require_string(context, -1);
  return 1;
}

std::string text_on_top(duk_context* context) {
  duk_size_t size = 0;
  const char* text = duk_safe_to_lstring(context, -1, &size);
  return to_utf8(text, size);
}

/// Stack: an error. Its own line if it was made in the script, else where it was thrown.
duk_ret_t line_of_error(duk_context* context, void* udata) {
  const auto& engine = *static_cast<Engine*>(udata);
  int line = engine.throw_line;
  if (duk_is_error(context, -1)) {
    duk_get_prop_string(context, -1, "fileName");
    const char* file = duk_get_string(context, -1);
    const bool own = file != nullptr && std::strcmp(file, engine.file_name) == 0;
    duk_get_prop_string(context, -2, "lineNumber");
    if (own && duk_get_int(context, -1) > 0) {
      line = duk_get_int(context, -1);
    }
    duk_pop_2(context);
  }
  duk_push_int(context, line);
  return 1;
}

ScriptOutcome failure(duk_context* context, Engine& engine) {
  ScriptOutcome outcome;
  duk_dup_top(context);
  if (duk_safe_call(context, line_of_error, &engine, 1, 1) == DUK_EXEC_SUCCESS) {
    outcome.error_line = duk_get_int(context, -1);
  }
  duk_pop(context);
  outcome.error = text_on_top(context);
  if (engine.memory_refused) {
    outcome.error +=
        " (the memory limit of " + std::to_string(engine.memory_bytes >> 10U) + " KiB was reached)";
  }
  return outcome;
}

} // namespace

ScriptOutcome run_script(const ScriptSource& source, ScriptHost& host) {
  Engine engine{host, source.file_name.c_str(), source.memory_bytes};
  const Heap heap(duk_create_heap(heap_alloc, heap_realloc, heap_free, &engine, heap_fatal));
  if (!heap) {
    return {"the memory limit is too small for a script engine", 0, ""};
  }
  duk_context* context = heap.get();
  duk_push_lstring(context, source.argv_json.data(), source.argv_json.size());
  if (duk_safe_call(context, install, nullptr, 1, 1) != DUK_EXEC_SUCCESS) {
    return failure(context, engine);
  }
  duk_push_lstring(context, source.script.data(), source.script.size());
  duk_push_lstring(context, source.file_name.data(), source.file_name.size());
  if (duk_safe_call(context, evaluate, nullptr, 3, 1) != DUK_EXEC_SUCCESS) {
    return failure(context, engine);
  }
  return {"", 0, text_on_top(context)};
}

} // namespace kdq::sandbox

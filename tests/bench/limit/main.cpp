// limit: the least possible program that does the daemon's work, as a measure for it. One thread,
// curl_multi_perform and curl_multi_poll, group commit, three durable steps a job: the intent
// before the POST; the task's id and the next intent before the GET; the log lines and the result.
#include "tests/bench/common/program.h"
#include "tests/bench/limit/reply.h"
#include "tests/bench/limit/store.h"

#include <curl/curl.h>

#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>

namespace {

using namespace kdq::bench;

constexpr std::int64_t many_files = 1'000;

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct FreeHeaders {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

/// One of the connections; it has one job after the other.
struct Slot {
  std::unique_ptr<CURL, FreeEasy> easy{curl_easy_init()};
  LimitJob job;
  std::string task;
  std::string url;
  std::string body;     ///< of the request
  std::string received; ///< of the reply
  bool polling = false;

  static std::size_t receive(char* data, std::size_t, std::size_t size, void* self) {
    static_cast<Slot*>(self)->received.append(data, size);
    return size;
  }
};

/// encodeURIComponent.
void append_encoded(std::string& url, std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  for (const char byte : text) {
    if (std::isalnum(static_cast<unsigned char>(byte)) || byte == '-' || byte == '_') {
      url += byte;
      continue;
    }
    url += '%';
    url += hex[static_cast<unsigned char>(byte) >> 4U];
    url += hex[static_cast<unsigned char>(byte) & 0xFU];
  }
}

void append_quoted(std::string& json, std::string_view text) {
  json += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\')
      json += '\\';
    if (c == '\n')
      json += "\\n";
    else
      json += c;
  }
  json += '"';
}

class Limit {
public:
  Limit(LimitStore& store, std::string base_url, std::size_t connections)
      : store_(store), base_url_(std::move(base_url)), slots_(connections) {
    for (const char* line :
         {"Accept: application/json", "Content-Type: application/json", "Expect:"})
      headers_.reset(curl_slist_append(headers_.release(), line));
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(connections));
    for (Slot& slot : slots_) {
      CURL* easy = slot.easy.get();
      curl_easy_setopt(easy, CURLOPT_PRIVATE, &slot);
      curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Slot::receive);
      curl_easy_setopt(easy, CURLOPT_WRITEDATA, &slot);
      curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
      curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
      curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
      curl_easy_setopt(easy, CURLOPT_PROXY, "");
      free_.push_back(&slot);
    }
  }
  ~Limit() {
    for (Slot& slot : slots_)
      curl_multi_remove_handle(multi_.get(), slot.easy.get());
  }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

  /// Runs until `jobs` have ended.
  void run(std::int64_t jobs) {
    bool more_queued = true;
    while (ended_ < jobs) {
      if (done_.empty() && (free_.empty() || !more_queued))
        curl_multi_poll(multi_.get(), nullptr, 0, 1000, nullptr);
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      collect();
      if (!done_.empty() || (!free_.empty() && more_queued))
        more_queued = step();
    }
  }

private:
  void collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      const CURLcode code = message->data.result;
      void* slot = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
      curl_multi_remove_handle(multi_.get(), message->easy_handle);
      if (code != CURLE_OK)
        throw std::runtime_error(curl_easy_strerror(code));
      done_.push_back(static_cast<Slot*>(slot));
    }
  }

  /// One group commit: all that was answered, and the next jobs; then the next requests.
  bool step() {
    std::vector<Slot*> to_send;
    claimed_.clear();
    store_.begin();
    for (Slot* slot : done_) {
      if (slot->polling) {
        store_end(*slot);
        free_.push_back(slot);
      } else {
        slot->task = task_id_of(slot->received);
        store_.started(slot->job.id, slot->task);
        to_send.push_back(slot);
      }
    }
    done_.clear();
    if (!free_.empty())
      store_.claim(free_.size(), claimed_);
    const bool more_queued = claimed_.size() == free_.size();
    store_.commit();
    for (Slot* slot : to_send)
      send_poll(*slot);
    for (LimitJob& job : claimed_) {
      Slot& slot = *free_.back();
      free_.pop_back();
      slot.job = std::move(job);
      send_start(slot);
    }
    return more_queued;
  }

  void store_end(const Slot& slot) {
    const auto report = report_of(slot.received);
    if (!report || !report->ended)
      throw std::runtime_error("not what the fast service answers: " + slot.received);
    store_.ended(slot.job.id, report->lines, report->result);
    ++ended_;
  }

  void send_start(Slot& slot) {
    slot.polling = false;
    slot.url = base_url_ + "/api/v1/openapi/personal/files/";
    append_encoded(slot.url, slot.job.file_token);
    slot.url += "/script?access_token=bench-token";
    slot.body = "{\"script\":";
    append_quoted(slot.body, slot.job.script);
    slot.body += ",\"script_name\":\"bench\"}";
    curl_easy_setopt(slot.easy.get(), CURLOPT_POSTFIELDS, slot.body.data());
    curl_easy_setopt(slot.easy.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(slot.body.size()));
    send(slot);
  }

  void send_poll(Slot& slot) {
    slot.polling = true;
    slot.url =
        base_url_ + "/api/v1/openapi/personal/script/status?access_token=bench-token&task_id=";
    append_encoded(slot.url, slot.task);
    curl_easy_setopt(slot.easy.get(), CURLOPT_HTTPGET, 1L);
    send(slot);
  }

  void send(Slot& slot) {
    slot.received.clear();
    curl_easy_setopt(slot.easy.get(), CURLOPT_URL, slot.url.c_str());
    curl_multi_add_handle(multi_.get(), slot.easy.get());
  }

  LimitStore& store_;
  std::string base_url_;
  std::unique_ptr<curl_slist, FreeHeaders> headers_;
  std::unique_ptr<CURLM, FreeMulti> multi_{curl_multi_init()};
  std::vector<Slot> slots_;
  std::vector<Slot*> free_;
  std::vector<Slot*> done_; ///< answered, not stored
  std::vector<LimitJob> claimed_;
  std::int64_t ended_ = 0;
};

double cpu_us() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return 1e6 * static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

struct Options {
  std::int64_t jobs = 10'000;
  MixtureOptions mixture;
  std::size_t connections = 64;
  std::string folder = "/tmp";
};

nlohmann::json measure(const Options& options) {
  const WorkFolder folder(options.folder);
  Service service(folder.path());
  LimitStore store(folder.path() / "limit.db", options.jobs, options.mixture.mixture(many_files));
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const double cpu_before = cpu_us();
  const Usage before = usage_of(::getpid());
  const std::int64_t begin = monotonic_ns();
  {
    Limit limit(store, service.base_url(), options.connections);
    limit.run(options.jobs);
  }
  const double seconds = static_cast<double>(monotonic_ns() - begin) / 1e9;
  const double cpu = cpu_us() - cpu_before;
  const Usage used = usage_of(::getpid()) - before;
  const auto counts = service.stop().counts;
  if (store.complete() != options.jobs || counts.starts != options.jobs ||
      counts.polls != options.jobs || counts.bad != 0)
    throw std::runtime_error("the work was not done");
  const auto jobs = static_cast<double>(options.jobs);
  return {{"bench", "limit"},
          {"jobs", options.jobs},
          {"texts", options.mixture.texts},
          {"files", options.mixture.files},
          {"script_bytes", options.mixture.script_bytes},
          {"connections", options.connections},
          {"jobs_per_s", rounded(jobs / seconds, 0)},
          {"cpu_us_per_job", rounded(cpu / jobs, 1)},
          {"peak_memory_mb", rounded(static_cast<double>(used.peak_memory_bytes) / 1e6, 1)},
          {"disk_bytes_per_job", rounded(static_cast<double>(used.disk_bytes) / jobs, 0)},
          {"written_bytes_per_job", rounded(static_cast<double>(used.written_bytes) / jobs, 0)}};
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"The least possible program that does the daemon's work", "limit"};
  options.mixture.add_to(cli);
  cli.add_option("--jobs", options.jobs)->check(CLI::PositiveNumber)->capture_default_str();
  cli.add_option("--connections", options.connections)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cli.add_option("--folder", options.folder, "where to work; on a local disk")
      ->capture_default_str();
  return run_benchmark(cli, argc, argv, [&] { return measure(options); });
}

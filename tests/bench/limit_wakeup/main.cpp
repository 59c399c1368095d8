// limit_wakeup: the least possible program that sends a POST for each new row of `jobs`: inotify on
// the database's folder, looks again at growing pauses until the commit can be seen (the event
// comes before it), one connection kept open. It writes nothing. Ends on SIGTERM.
#include <CLI/CLI.hpp>
#include <SQLiteCpp/SQLiteCpp.h>
#include <curl/curl.h>

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>

namespace {

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

class Watcher {
public:
  Watcher(const std::string& database, std::string base_url)
      : database_(database), version_(database_, "PRAGMA data_version"),
        fresh_(database_, "SELECT id, file_token, script_name FROM jobs WHERE id > ?1 ORDER BY id"),
        base_url_(std::move(base_url)), inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    const std::string folder = database.substr(0, database.rfind('/'));
    if (::inotify_add_watch(inotify_, folder.c_str(), IN_MODIFY | IN_CLOSE_WRITE) < 0)
      throw std::runtime_error("cannot watch " + folder);
    curl_easy_setopt(easy_.get(), CURLOPT_PROXY, "");
    curl_easy_setopt(easy_.get(), CURLOPT_WRITEFUNCTION, &ignore);
    changed();
    send_fresh();
  }
  ~Watcher() { ::close(inotify_); }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  [[noreturn]] void run() {
    constexpr std::int64_t longest_ns = 13'000'000;
    for (std::int64_t pause_ns = 0;;) {
      pollfd watched{inotify_, POLLIN, 0};
      const timespec pause{0, pause_ns};
      if (::ppoll(&watched, 1, pause_ns > 0 ? &pause : nullptr, nullptr) > 0) {
        std::array<char, 4096> events;
        while (::read(inotify_, events.data(), events.size()) > 0) {
        }
        pause_ns = 100'000;
      }
      if (changed()) {
        send_fresh();
        pause_ns = 0;
      } else {
        pause_ns = pause_ns > longest_ns ? 0 : 2 * pause_ns;
      }
    }
  }

private:
  static std::size_t ignore(char*, std::size_t, std::size_t size, void*) { return size; }

  bool changed() {
    version_.executeStep();
    const std::int64_t version = version_.getColumn(0).getInt64();
    version_.reset();
    return std::exchange(seen_, version) != version;
  }

  void send_fresh() {
    fresh_.bind(1, last_);
    while (fresh_.executeStep()) {
      last_ = fresh_.getColumn(0).getInt64();
      const std::string url = base_url_ + "/api/v1/openapi/personal/files/" +
                              fresh_.getColumn(1).getText() + "/script?access_token=bench-token";
      const std::string body =
          std::string(R"({"script":"1","script_name":")") + fresh_.getColumn(2).getText() + "\"}";
      curl_easy_setopt(easy_.get(), CURLOPT_URL, url.c_str());
      curl_easy_setopt(easy_.get(), CURLOPT_POSTFIELDS, body.c_str());
      if (curl_easy_perform(easy_.get()) != CURLE_OK)
        throw std::runtime_error("a POST failed");
    }
    fresh_.reset();
  }

  SQLite::Database database_;
  SQLite::Statement version_;
  SQLite::Statement fresh_;
  std::string base_url_;
  int inotify_;
  std::unique_ptr<CURL, FreeEasy> easy_{curl_easy_init()};
  std::int64_t seen_ = -1;
  std::int64_t last_ = 0;
};

} // namespace

int main(int argc, char** argv) {
  std::string database;
  std::string base_url;
  CLI::App cli{"A POST for each new row, as soon as can be", "limit_wakeup"};
  cli.add_option("--database", database, "absolute path")->required();
  cli.add_option("--base-url", base_url)->required();
  CLI11_PARSE(cli, argc, argv);
  try {
    Watcher(database, base_url).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "limit_wakeup: %s\n", error.what());
    return 1;
  }
}

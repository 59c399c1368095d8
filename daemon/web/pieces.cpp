#include "daemon/web/pieces.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace kdq::web {
namespace {

constexpr std::array state_words{
    Word{"queued", "queued", "排队"},       Word{"submitting", "being started", "正在启动"},
    Word{"running", "running", "运行中"},   Word{"unconfirmed", "unconfirmed", "待确认"},
    Word{"succeeded", "succeeded", "成功"}, Word{"failed", "failed", "失败"},
    Word{"timed_out", "timed out", "超时"}, Word{"cancelled", "cancelled", "已取消"},
    Word{"waiting", "waiting", "等待"},     Word{"open", "open", "开放"},
    Word{"empty", "empty", "空"},           Word{"ready", "ready", "就绪"},
    Word{"blocked", "blocked", "受阻"},
};

} // namespace

Html time_of(std::string_view text) {
  if (text.empty())
    return html("–");
  const auto time = parse_time(std::string(text));
  if (!time)
    return html("{}", text);
  const std::string full = to_text(*time);
  std::string machine = full + "Z";
  machine[10] = 'T';
  return html("<time datetime=\"{}\">{}</time>", machine, std::string_view(full).substr(0, 19));
}

Html age_of(std::string_view text, const Visit& visit) {
  const auto time = parse_time(std::string(text));
  if (!time)
    return {};
  const auto age = visit.now - *time;
  if (age < std::chrono::milliseconds(0))
    return html("<span class=\"age\">{}</span>",
                std::string(visit.t("in ", "还有 ")) + span_text(-age));
  return html("<span class=\"age\">{}</span>", visit.language == Language::chinese
                                                   ? span_text(age) + "前"
                                                   : span_text(age) + " ago");
}

std::string span_text(std::chrono::milliseconds span) {
  using namespace std::chrono_literals;
  const auto count = [](auto value) { return std::to_string(value); };
  const std::int64_t ms = std::max<std::int64_t>(span.count(), 0);
  const std::int64_t s = ms / 1000;
  if (s < 10) {
    char text[16];
    std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(ms) / 1000);
    return text;
  }
  if (s < 120)
    return count(s) + " s";
  if (s < 3600)
    return count(s / 60) + " min " + count(s % 60) + " s";
  constexpr std::int64_t two_days = 172'800;
  if (s < two_days)
    return count(s / 3600) + " h " + count(s % 3600 / 60) + " min";
  return count(s / 86400) + " d " + count(s % 86400 / 3600) + " h";
}

std::string_view state_word(std::string_view state, const Visit& visit) {
  const std::string_view known = translated(state_words, state, visit);
  return known.empty() ? state : known;
}

Html state_badge(std::string_view state, const Visit& visit) {
  const std::string_view known = translated(state_words, state, visit);
  return html("<span class=\"state {}\">{}</span>", known.empty() ? "" : state,
              known.empty() ? state : known);
}

Html job_link(std::int64_t job) {
  return html("<a href=\"/jobs/{}\">#{}</a>", job, job);
}

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  const std::size_t first = number < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, "\xE2\x80\x89"); // U+2009
  }
  return digits;
}

Html action_button(const Visit& visit, std::string_view label,
                   const std::vector<std::pair<std::string, std::string>>& fields) {
  Html out;
  if (!visit.may_act)
    return out;
  out.put("<form method=\"post\" action=\"/act\" class=\"action\"><input type=\"hidden\" "
          "name=\"form_token\" value=\"{}\">",
          visit.form_token);
  for (const auto& [name, value] : fields)
    out.put("<input type=\"hidden\" name=\"{}\" value=\"{}\">", name, value);
  out.put("<button>{}</button></form>", label);
  return out;
}

} // namespace kdq::web

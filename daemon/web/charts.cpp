#include "daemon/web/charts.h"

#include "daemon/web/layout.h"
#include "daemon/web/pieces.h"

#include <algorithm>
#include <cmath>

namespace kdq::web {
namespace {

// Of the drawing; the page scales it.
constexpr int width = 400, height = 150;
constexpr int left_edge = 44, right_edge = 390, top_edge = 18, bottom_edge = 128;
constexpr int letter_width = 7;

/// Where `value` of `all` stands between two places.
int place(double value, double all, int first, int last) {
  const double share = all > 0 ? std::clamp(value / all, 0.0, 1.0) : 0.0;
  return static_cast<int>(std::lround(first + share * (last - first)));
}

/// Characters of a label, at most as many as there is room for.
std::size_t letters(std::string_view label) {
  const auto begun = std::count_if(label.begin(), label.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  });
  return std::min<std::size_t>(static_cast<std::size_t>(begun), 20);
}

Html frame(std::string_view words, std::int64_t most, const Html& inside) {
  Html out;
  out.put("<svg class=\"chart\" role=\"img\" viewBox=\"0 0 {} {}\" aria-label=\"{}\">", width,
          height, words);
  out.put("<line class=\"axis\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>", left_edge, bottom_edge,
          right_edge, bottom_edge);
  out.put("<line class=\"axis\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>", left_edge, top_edge,
          left_edge, bottom_edge);
  out.put("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", left_edge - 4, top_edge + 4,
          most);
  out.put("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">0</text>", left_edge - 4, bottom_edge + 4);
  return out.put("{}</svg>", inside);
}

} // namespace

Html burn_down(const BurnDown& day, std::string_view words, const Visit& visit) {
  if (day.ends <= day.begins || day.allowed <= 0)
    return {};
  const auto allowed = static_cast<double>(day.allowed);
  const auto whole = static_cast<double>((day.ends - day.begins).count());
  const auto x = [&](WallTime time) {
    return place(static_cast<double>((time - day.begins).count()), whole, left_edge, right_edge);
  };
  const auto y = [&](double count) { return place(count, allowed, bottom_edge, top_edge); };
  const auto left = static_cast<double>(std::clamp<std::int64_t>(day.left, 0, day.allowed));
  const WallTime now = std::clamp(day.now, day.begins, day.ends);
  Html in;
  if (day.others > 0) { // at the upper right nothing else is drawn
    const int depth = std::max(2, y(allowed - static_cast<double>(day.others)) - top_edge);
    in.put("<rect class=\"others\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", x(now),
           top_edge, right_edge - x(now), depth);
    in.put("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{} {}</text>", right_edge,
           std::min(top_edge + depth + 11, bottom_edge - 14), visit.t("others", "其他程序"),
           day.others);
  }
  if (day.reserved > 0) { // nor at the lower left
    const int above = std::min(y(static_cast<double>(day.reserved)), bottom_edge - 2);
    in.put("<rect class=\"reserved\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", left_edge,
           above, right_edge - left_edge, bottom_edge - above);
    in.put("<text x=\"{}\" y=\"{}\">{} {}</text>", left_edge + 4, std::max(above - 3, top_edge + 8),
           visit.t("reserved", "预留"), day.reserved);
  }
  in.put("<line class=\"axis\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>", x(now), top_edge, x(now),
         bottom_edge);
  in.put("<polyline class=\"used\" points=\"{},{} {},{}\"/>", left_edge, top_edge, x(now), y(left));
  const double past = static_cast<double>((now - day.begins).count());
  if (day.exhausted && *day.exhausted > now)
    in.put("<polyline class=\"forecast\" points=\"{},{} {},{}\"/>", x(now), y(left),
           x(*day.exhausted), y(static_cast<double>(day.reserved)));
  else if (!day.exhausted && past > 0)
    in.put("<polyline class=\"forecast\" points=\"{},{} {},{}\"/>", x(now), y(left), right_edge,
           y(left - (allowed - left) * (whole - past) / past));
  in.put("<circle class=\"bar\" cx=\"{}\" cy=\"{}\" r=\"3\"/>", x(now), y(left));
  // The words for now keep clear of those at the end.
  in.put("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}: {}</text>",
         std::clamp(x(now), left_edge + 40, right_edge - 110), height - 6,
         visit.t("left now", "现在剩余"), day.left);
  in.put("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", right_edge, height - 6,
         visit.t("reset", "重置"));
  return frame(words, day.allowed, in);
}

Html bar_chart(const std::vector<Bar>& bars, std::string_view words) {
  if (bars.empty())
    return {};
  std::int64_t most = 1;
  std::size_t longest = 1;
  for (const Bar& bar : bars) {
    most = std::max({most, bar.value, bar.limit});
    longest = std::max(longest, letters(bar.label));
  }
  const auto count = static_cast<int>(std::min<std::size_t>(bars.size(), 100));
  const int step = std::max(1, (right_edge - left_edge) / count);
  const int each = std::max(1, std::min(step - 2, 60));
  const int every = (static_cast<int>(longest) * letter_width + step - 1) / step;
  Html in;
  for (int i = 0; i < count; ++i) {
    const Bar& bar = bars[static_cast<std::size_t>(i)];
    const int x = left_edge + 1 + i * step;
    const int top =
        place(static_cast<double>(bar.value), static_cast<double>(most), bottom_edge, top_edge);
    in.put("<rect class=\"bar\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", x, top, each,
           bottom_edge - top);
    if (bar.limit > 0) {
      const int y =
          place(static_cast<double>(bar.limit), static_cast<double>(most), bottom_edge, top_edge);
      in.put("<line class=\"limit\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>", x, y, x + each, y);
    }
    if ((count - 1 - i) % every == 0)
      in.put(
          "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
          std::min(x + each / 2, width - static_cast<int>(letters(bar.label)) * letter_width / 2),
          height - 6, bar.label);
  }
  return frame(words, most, in);
}

Html bar_numbers(const std::vector<Bar>& bars, std::string_view what, std::string_view label,
                 std::string_view value, const Visit& visit) {
  const bool has_limit =
      std::any_of(bars.begin(), bars.end(), [](const Bar& bar) { return bar.limit > 0; });
  Html rows;
  for (const Bar& bar : bars) {
    rows.put("<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td>", bar.label,
             grouped(bar.value));
    if (has_limit)
      rows.put("<td class=\"number\">{}</td>", grouped(bar.limit));
    rows.put("</tr>");
  }
  std::vector<Column> columns{{label}, {value, true}};
  if (has_limit)
    columns.push_back({visit.t("allowed", "额度"), true});
  return html("<details><summary>{}</summary>{}</details>", visit.t("The numbers", "具体数字"),
              table(what, columns, rows));
}

} // namespace kdq::web

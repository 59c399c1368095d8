#include "daemon/web/layout.h"
#include "daemon/web/pages/job_parts.h"
#include "daemon/web/pieces.h"
#include "store/base/utf8.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace kdq::web {
namespace {

using nlohmann::json;

constexpr std::size_t bytes_of_text = 20'000;
constexpr std::size_t bytes_of_result = 256u << 10; ///< longer ones are shown as text
constexpr int deepest = 8;
constexpr int most_nodes = 1000;
constexpr std::size_t most_rows = 100;
constexpr std::size_t most_columns = 20;
constexpr std::size_t bytes_of_cell = 200;
constexpr std::size_t bytes_of_leaf = 1000;

/// A value that is no container, as JSON writes it; of a container how much is in it.
std::string brief(const json& value, std::size_t most) {
  if (value.is_object())
    return "{…} × " + std::to_string(value.size());
  if (value.is_array())
    return "[…] × " + std::to_string(value.size());
  if (value.is_string())
    return shortened(value.get_ref<const std::string&>(), most);
  return value.dump();
}

class Tree {
public:
  void put(Html& out, const json& value, int depth) {
    if (!value.is_structured() || value.empty() || depth == deepest) {
      out.put("<code>{}</code>", brief(value, bytes_of_leaf));
      return;
    }
    out.put(depth == 0 ? Template("<details open><summary>{}</summary><ul>")
                       : Template("<details><summary>{}</summary><ul>"),
            brief(value, 0));
    for (const auto& [key, item] : value.items()) {
      if (++nodes_ > most_nodes) {
        out.put("<li>…</li>");
        break;
      }
      out.put("<li>{}: ", shortened(key, bytes_of_cell));
      put(out, item, depth + 1);
      out.put("</li>");
    }
    out.put("</ul></details>");
  }

private:
  int nodes_ = 0;
};

/// The heads of a table's columns; empty: it is no array of arrays or objects.
std::vector<std::string> columns_of(const json& value) {
  std::vector<std::string> columns;
  if (!value.is_array() || value.empty() || !value.front().is_structured())
    return columns;
  const bool is_named = value.front().is_object();
  std::size_t rows = 0;
  for (const json& row : value) {
    if (is_named ? !row.is_object() : !row.is_array())
      return {};
    if (++rows > most_rows)
      continue;
    std::size_t number = 0;
    for (const auto& [key, cell] : row.items()) {
      const std::string name = is_named ? key : std::to_string(++number);
      if (columns.size() <= most_columns &&
          std::find(columns.begin(), columns.end(), name) == columns.end())
        columns.push_back(name);
    }
  }
  return columns;
}

std::string cell_of(const json& row, const std::string& column, std::size_t number) {
  if (row.is_object()) {
    const auto found = row.find(column);
    return found == row.end() ? "" : brief(*found, bytes_of_cell);
  }
  return number < row.size() ? brief(row[number], bytes_of_cell) : "";
}

Html table_of(const json& value, std::vector<std::string> columns, const Visit& visit) {
  const bool is_wide = columns.size() > most_columns;
  columns.resize(std::min(columns.size(), most_columns));
  std::vector<std::string> names;
  names.reserve(columns.size());
  for (const std::string& column : columns)
    names.push_back(shortened(column, bytes_of_cell));
  std::vector<Column> heads{{visit.t("Row", "行")}};
  for (const std::string& name : names)
    heads.push_back({name});
  Html rows;
  std::size_t number = 0;
  for (const json& row : value) {
    if (++number > most_rows)
      break;
    rows.put("<tr><th scope=\"row\">{}</th>", number);
    for (std::size_t i = 0; i < columns.size(); ++i)
      rows.put("<td>{}</td>", cell_of(row, columns[i], i));
    rows.put("</tr>");
  }
  Html out = table(visit.t("The result as a table", "结果表格"), heads, rows);
  if (value.size() > most_rows || is_wide)
    out.put("<p class=\"quiet\">{} ({} × {})</p>",
            visit.t("Only the first rows and columns are shown", "只显示前面的行和列"),
            std::min(value.size(), most_rows), columns.size());
  return out;
}

/// A text of jobs as it is; empty: there is none.
Html text_of(Reader& reader, const Visit& visit, std::int64_t job, const std::string& column) {
  const std::string text = reader.piece("jobs", column, job, 0, bytes_of_text + 1);
  if (text.empty())
    return {};
  return long_text(text, bytes_of_text, "/jobs/" + std::to_string(job) + "/" + column, visit);
}

Html folded(std::string_view summary, const Html& content) {
  return html("<details><summary>{}</summary>{}</details>", summary, content);
}

/// What a job with pass_as gets or got, of its last attempts.
Html inputs_of(Reader& reader, const Visit& visit, std::int64_t job) {
  constexpr std::int64_t most_attempts = 3;
  Html out;
  try {
    reader.read([&](Reader::Snapshot& snapshot) {
      if (!snapshot.row("SELECT 1 FROM jobs WHERE id = ?1 AND pass_as IS NOT NULL", {job}))
        return;
      for (const Row& row :
           snapshot.rows("SELECT attempt, pass_as, substr(value, 1, ?2) AS value FROM job_inputs "
                         "WHERE job_id = ?1 ORDER BY attempt IS NOT NULL, attempt DESC LIMIT ?3",
                         {job, static_cast<std::int64_t>(bytes_of_text), most_attempts})) {
        const std::string when =
            row.is_null("attempt")
                ? std::string(visit.t("if it started now", "如果现在启动"))
                : std::string(visit.t("attempt ", "第几次尝试：")) + row.text("attempt");
        out.put("<p>{} <code>{}</code> ({})</p><pre>{}</pre>",
                visit.t("From other jobs, as the argument", "来自其他作业，参数名"),
                shortened(row.text("pass_as"), bytes_of_cell), when,
                shortened(row.text("value"), bytes_of_text));
      }
    });
  } catch (const ReadTooLong&) {
    out.put("<p>{}</p>", visit.t("What it gets from other jobs is too much to be shown here: "
                                 "see the view job_inputs.",
                                 "来自其他作业的输入太多，此处无法显示：见视图 job_inputs。"));
  }
  return out;
}

} // namespace

Html result_of(Reader& reader, const Visit& visit, std::int64_t job) {
  const std::string text = reader.piece("jobs", "result", job, 0, bytes_of_result + 1);
  if (text.empty())
    return {};
  Html out = html("<h2>{}</h2>", visit.t("Result", "结果"));
  const json value = text.size() > bytes_of_result ? json(json::value_t::discarded)
                                                   : json::parse(text, nullptr, false);
  const Html as_text = text_of(reader, visit, job, "result");
  if (value.is_discarded())
    return out += as_text;
  if (std::vector<std::string> columns = columns_of(value); !columns.empty())
    out += table_of(value, std::move(columns), visit);
  else
    Tree().put(out, value, 0);
  return out += folded(visit.t("As JSON", "JSON 原文"), as_text);
}

Html script_of(Reader& reader, const Visit& visit, std::int64_t job) {
  Html out = html("<h2>{}</h2>", visit.t("Script", "脚本"));
  out += folded(visit.t("Source text", "源代码"), text_of(reader, visit, job, "script"));
  if (const Html argv = text_of(reader, visit, job, "argv"); !argv.empty())
    out += folded(visit.t("Arguments (argv)", "参数（argv）"), argv);
  if (const Html inputs = inputs_of(reader, visit, job); !inputs.empty())
    out += folded(visit.t("Inputs (pass_as)", "输入（pass_as）"), inputs);
  return out;
}

} // namespace kdq::web

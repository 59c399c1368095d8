# usage: awk -f tables.awk SCHEMA.sql... PAGE.in: prints the page with the CREATE of the table NAME, without
# its constraints, in the place of each line @table NAME@.
FILENAME ~ /\.sql$/ {
  if ($1 == "CREATE" && $2 == "TABLE") {
    name = $3
    skip = 0
  }
  if (name == "")
    next
  if (/^  (CONSTRAINT|CHECK) ?["(]/)
    skip = 1 # they stand last
  if (/^\)/)
    skip = 0
  gsub(/\\/, "&&") # scdoc takes one as an escape, in literal text as well
  if (!skip)
    text[name] = text[name] $0 "\n"
  if (/^\)/)
    name = ""
  next
}
/^@table .*@$/ {
  name = substr($2, 1, length($2) - 1)
  if (!(name in text)) {
    print FILENAME ": no table " name " in the schema" > "/dev/stderr"
    exit 1
  }
  printf "```\n%s```\n", text[name]
  next
}
{ print }

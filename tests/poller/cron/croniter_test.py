#!/usr/bin/python3
"""Compares the times of expressions.txt with those of croniter (package python3-croniter), in several
zones, from several moments on:
    croniter_test.py KDQ_CRON_TIMES EXPRESSIONS

Where croniter 1.3.5 has other rules:
- Ranges past the end (FRI-MON) it refuses: they are spelt out for it.
- `*/2` as a day is a restriction for it, so that either day field matches. Here, as in Vixie's cron,
  what begins with a star is none, and both have to match. Its `day_or` says which.
- A field that names all of its numbers (0-6) is a star for it. Here it is a restriction. Left out, if the
  other day field is restricted as well.
- `30 2 MON`, the Mondays of a February, is no time for it, since no February has a 30th. Left out.
- Where clocks change it runs an entry twice, or an hour off, up to a day after the change. It is asked
  without a zone therefore, Python's zoneinfo makes UTC of its local times, and the days beside a
  change are left out; cron_walk_test has them.
- The zones' data reaches to 2037 here, and as far as one likes there.
"""

import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from croniter import croniter

ZONES = ["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
STARTS = ["2024-02-20 11:17:30", "2026-06-30 15:59:00", "2027-12-31 23:59:59"]
COUNT = 50
END = datetime(2038, 1, 1, tzinfo=timezone.utc)
BOUNDS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]
NAMES = {
    3: "jan feb mar apr may jun jul aug sep oct nov dec".split(),
    4: "sun mon tue wed thu fri sat".split(),
}
NO_TIME_FOR_CRONITER = ["0 0 30 2 MON"]


def number(field, text):
    names = NAMES.get(field, [])
    return BOUNDS[field][0] + names.index(text.lower()) if text.lower() in names else int(text)


def spelt_out(field, part):
    """The part, or the list of its numbers, if it is a range past the end."""
    found = re.fullmatch(r"(\w+)-(\w+)(?:/(\d+))?", part)
    if not found:
        return part
    low, high, step = number(field, found[1]), number(field, found[2]), int(found[3] or 1)
    if low <= high:
        return part
    first, last = BOUNDS[field]
    circle = list(range(low, last + 1)) + list(range(first, high + 1))
    if low > last:  # 7-2, from a Sunday on
        circle = list(range(first, high + 1))
    return ",".join(str(at) for at in circle[::step])


def theirs(expression, start):
    """croniter's local times, without end."""
    day_or = False
    if not expression.startswith("@"):
        fields = expression.split()
        day_or = fields[2][0] != "*" and fields[4][0] != "*"
        fields = [",".join(spelt_out(i, part) for part in field.split(",")) for i, field in enumerate(fields)]
        expression = " ".join(fields)
    times = croniter(expression, start, day_or=day_or)
    if day_or and ["*"] in (times.expanded[2], times.expanded[4]):
        return None
    return times.all_next(datetime)


def beside_change(utc, zone):
    day = timedelta(days=1)
    return (utc - day).astimezone(zone).utcoffset() != (utc + day).astimezone(zone).utcoffset()


def compare(expression, zone_name, start, ours):
    """How many times are the same. None if they are not to be compared."""
    zone = ZoneInfo(zone_name)
    local_start = start.astimezone(zone).replace(tzinfo=None)
    local_times = theirs(expression, local_start)
    if local_times is None:
        return None
    ours = [datetime.fromisoformat(time).replace(tzinfo=timezone.utc) for time in ours]
    last = min(ours[-1], END)
    expected = []
    for local in local_times:
        utc = local.replace(tzinfo=zone).astimezone(timezone.utc)
        if utc > last:
            break
        if not beside_change(utc, zone):
            expected.append(utc)
    found = [utc for utc in ours if utc <= last and not beside_change(utc, zone)]
    if found != expected:
        wrong = min(set(found) ^ set(expected))
        whose = "croniter's alone" if wrong in expected else "ours alone"
        sys.exit(f"{expression} in {zone_name} after {start}: {wrong} is {whose}")
    return len(found)


def main():
    program, file = sys.argv[1:]
    with open(file, encoding="ascii") as lines:
        expressions = [line for line in lines.read().splitlines() if line not in NO_TIME_FOR_CRONITER]
    questions = [(text, zone, start) for text in expressions for zone in ZONES for start in STARTS]
    asked = "".join(f"{COUNT}|{start}|{zone}|{text}\n" for text, zone, start in questions)
    answers = subprocess.run([program], input=asked, capture_output=True, text=True, check=True).stdout
    same, compared, left_out = 0, set(), set()
    for (text, zone, start), answer in zip(questions, answers.splitlines(), strict=True):
        if answer.startswith("!") or not answer:
            sys.exit(f"{text}: {answer}")
        start = datetime.fromisoformat(start).replace(tzinfo=timezone.utc)
        count = compare(text, zone, start, answer.split(","))
        (left_out if count is None else compared).add(text)
        same += count or 0
    print(f"{same} times of {len(compared)} expressions are the same; left out: {sorted(left_out)}")
    if len(compared) < 150:
        sys.exit("too few were compared")


main()

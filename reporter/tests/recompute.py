"""Every metric of calls once more, from lines of calls, apart from the program: python3 recompute.py CALLS CONTEXT.

CALLS is what `ringwall replay --calls` writes, CONTEXT what the customer is judged by. Standard library only.
"""
import datetime as dt
import ipaddress
import itertools
import json
import math
import sys
from collections import Counter, defaultdict
from zoneinfo import ZoneInfo

Z = 1.959963984540054
UTC = dt.timezone.utc
EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)
MICRO = dt.timedelta(microseconds=1)


def micros(text):
    return None if text is None else (dt.datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH) // MICRO


def share(part, whole):
    return {"part": part, "whole": whole}


def value(of):
    return of["part"] / of["whole"] if of["whole"] else None


def wilson(of):
    p, n = value(of), float(of["whole"])
    if p is None:
        return None
    middle = p + Z * Z / (2.0 * n)
    half = Z * math.sqrt(p * (1.0 - p) / n + Z * Z / (4.0 * n * n))
    below = 1.0 + Z * Z / n
    low = 0.0 if of["part"] == 0 else (middle - half) / below
    high = 1.0 if of["part"] == of["whole"] else (middle + half) / below
    return {"low": low, "high": high}


def percentile(values, percent):
    """Nearest rank, of which the eight leading binary digits are told."""
    if not values:
        return None
    exact = sorted(values)[max(-(-len(values) * percent // 100), 1) - 1]
    shift = max(exact.bit_length() - 8, 0)
    return exact >> shift << shift


def top(counts, most):
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [[key, count] for key, count in ordered if count > 0][:most]


class Zone:
    def __init__(self, name):
        self.zone = ZoneInfo(name)

    def wall(self, at):
        return (EPOCH + at * MICRO).astimezone(self.zone)

    def hour(self, at):
        wall = self.wall(at)
        into = wall.minute * 60 + wall.second
        day = (wall.date() - dt.date(1970, 1, 1)).days
        return {"start": at // 1_000_000 - into, "day": day, "of_day": wall.hour, "weekday": wall.weekday()}


def main(calls_file, context_file):
    context = json.load(open(context_file, encoding="utf-8"))
    zone = Zone(context["zone"])
    begin, end = context["period"]["from"], context["period"]["to"]
    calls = []
    for line in open(calls_file, encoding="utf-8"):
        call = json.loads(line)
        if call["kind"] == "call":
            calls.append(prepare(call, context, zone))
    answers = {
        "attempts": m1(calls, context, zone, begin, end),
        "outcomes": m2(calls),
        "unwanted": m3(calls),
        "catch": m4(calls, context),
        "wrong_blocks": m5(calls, context),
        "callers": m6(calls, context),
        "let_through": m8(calls, context),
        "pressure": m9(calls, context, begin, end),
        "concurrency": m10(calls, context, begin, end),
        "attestations": m11(calls),
        "impossible_callers": m12(calls, context),
        "toll_fraud": m13(calls, context),
        "after_hours": m14(calls, context),
        "time_saved": m15(calls),
        "quality": m16(calls),
        "rule_hits": m20(calls, context),
        "expiring": m22(calls, context),
    }
    json.dump(exact(answers), sys.stdout)


def exact(told):
    """Numbers with a point as text: not every reader of JSON takes the last bit of them as it is written."""
    if isinstance(told, dict):
        return {name: exact(value) for name, value in told.items()}
    if isinstance(told, list):
        return [exact(value) for value in told]
    return "float " + repr(told) if isinstance(told, float) else told


def international(text, kind):
    """Extensions and short codes are numbers without a plus."""
    return text if kind == "number" and text.startswith("+") else None


def prepare(line, context, zone):
    at = micros(line["start"])
    call = {
        "at": at,
        "line": line,
        "hour": zone.hour(at),
        "direction": line["direction"],
        "caller": international(line["caller"], line["caller_kind"]),
        "called": international(line["called"], line["called_kind"]),
    }
    for name in ("rang", "answered", "ended"):
        moment = micros(line[name + "_at"])
        call[name] = None if moment is None else moment - at
    if line["policy_version"] is None:
        call["class"] = "failed"
    elif line["verdict"] in ("block", "limit"):
        call["class"] = "blocked"
    elif line["verdict"] == "divert":
        call["class"] = "redirected"
    else:
        call["class"] = "passed"
    call["unwanted"], call["wrong"] = call["class"] == "blocked", False
    for label in context["labels"]:
        fits = label["from"] <= at < label["to"]
        fits = fits and (label["rule"] is None or label["rule"] == line["rule"])
        fits = fits and (label["caller"] is None or call["caller"] == "+%d" % label["caller"])
        if fits and label["judged"] == "unwanted" and call["class"] == "passed" and label["caller"] is not None:
            call["unwanted"] = True
        if fits and label["judged"] == "wanted" and call["class"] == "blocked":
            call["wrong"] = True
    address = ipaddress.ip_address(line["source"].rsplit(":", 1)[0])
    call["trunk"] = None
    for trunk in context["trunks"]:
        if any(address in ipaddress.ip_network(network) for network in trunk["networks"]):
            call["trunk"] = trunk
            break
    call["address"] = str(address)
    talk = None
    if call["answered"] is not None and call["ended"] is not None:
        talk = max(call["ended"] - call["answered"], 0)
    call["talk"] = talk
    return call


def in_set(number, prefixes):
    return number is not None and any(number.startswith("+" + prefix) for prefix in prefixes)


def rate_of(number, context):
    fits = [rate for rate in context["rates"] if number.startswith("+" + rate["prefix"])]
    return max(fits, key=lambda rate: len(rate["prefix"])) if fits else None


def outcomes(calls):
    classes = Counter(call["class"] for call in calls)
    return {name: classes[name] for name in ("blocked", "redirected", "passed", "failed")}


def m1(calls, context, zone, begin, end):
    by_hour = defaultdict(list)
    for call in calls:
        by_hour[call["hour"]["start"]].append(call)
    hours, seen = [], set()
    for minute in range(begin, end, 60_000_000):
        hour = zone.hour(minute)
        if hour["start"] not in seen:
            seen.add(hour["start"])
            hours.append(hour)

    def ways(some):
        count = Counter(call["direction"] for call in some)
        names = {"inbound": "inbound", "outbound": "outbound", "internal": "internal", "unknown": None}
        return {name: count[word] for name, word in names.items()}

    told = []
    for hour in hours:
        some = by_hour[hour["start"]]
        unwanted = sum(call["unwanted"] for call in some)
        told.append({"hour": hour, **ways(some), "outcomes": outcomes(some), "unwanted": unwanted})
    trunks = Counter(call["trunk"]["name"] if call["trunk"] else call["address"] for call in calls)
    sites = Counter(call["trunk"]["site"] for call in calls if call["trunk"] and call["trunk"]["site"])
    called = Counter(
        int(call["called"][1:]) for call in calls if call["called"] and call["direction"] in ("inbound", "internal")
    )
    return {
        "total": len(calls),
        **ways(calls),
        "hours": told,
        "trunks": top(trunks, 50),
        "sites": top(sites, 50),
        "called": top(called, 50),
        "missed_max": 0,
    }


def m2(calls):
    of = outcomes(calls)
    return {"attempts": len(calls), "outcomes": of, "rate": share(of["blocked"], len(calls))}


def m3(calls):
    week = [[0] * 24 for _ in range(7)]
    for call in calls:
        if call["unwanted"]:
            week[call["hour"]["weekday"]][call["hour"]["of_day"]] += 1
    return {"share": share(sum(call["unwanted"] for call in calls), len(calls)), "of_week": week}


def m4(calls, context):
    blocked = [call for call in calls if call["class"] == "blocked"]
    passed = [call for call in calls if call["class"] == "passed"]
    caught = len(blocked) - sum(call["wrong"] for call in blocked)
    bound = share(caught, caught + sum(call["unwanted"] for call in passed))
    reviewed, sampled, interval = context["reviewed_passed"], None, None

    def rate(part):
        below = caught + part * len(passed)
        return caught / below if below else None

    if reviewed and value(reviewed) is not None:
        sampled = rate(value(reviewed))
        if sampled is not None:
            low, high = (rate(wilson(reviewed)[side]) for side in ("high", "low"))
            interval = {"low": low, "high": high}
    return {"upper_bound": bound, "interval": wilson(bound), "sampled": sampled, "sampled_interval": interval}


def m5(calls, context):
    blocked = [call for call in calls if call["class"] == "blocked"]
    bound, reviewed = share(sum(call["wrong"] for call in blocked), len(blocked)), context["reviewed_blocked"]
    return {
        "lower_bound": bound,
        "interval": wilson(bound),
        "sampled": reviewed,
        "sampled_interval": wilson(reviewed) if reviewed else None,
    }


def m6(calls, context):
    of = defaultdict(list)
    for call in calls:
        if call["caller"] and call["direction"] == "inbound":
            of[int(call["caller"][1:])].append(call)
    told = []
    for number, some in of.items():
        short = sum(call["talk"] is not None and call["talk"] < 6_000_000 for call in some)
        days = len({call["hour"]["day"] for call in some})
        cases = {label["case"] for label in context["labels"] if label["caller"] == number}
        cases |= {campaign["case"] for campaign in context["campaigns"] if number in campaign["callers"]}
        told.append({
            "number": number,
            "calls": len(some),
            "days": days,
            "short": share(short, len(some)),
            "blocked": sum(call["class"] == "blocked" for call in some),
            "index": float(len(some)) * days * (1.0 + short / len(some)),
            "first": min(call["at"] for call in some),
            "last": max(call["at"] for call in some),
            "cases": sorted(cases),
        })
    told.sort(key=lambda caller: (-caller["index"], caller["number"]))
    return {"top": told[:20], "missed_max": 0}


def m8(calls, context):
    cases = {}
    for campaign in context["campaigns"]:
        callers = {"+%d" % number for number in campaign["callers"]}
        some = [call for call in calls if call["caller"] in callers and campaign["first"] <= call["at"] <= campaign["last"]]
        if not some:
            continue
        until = campaign["contained"] if campaign["contained"] is not None else math.inf
        passed = [call for call in some if call["class"] == "passed"]
        before = sum(call["at"] < until for call in passed)
        blocked = sum(call["class"] == "blocked" for call in some)
        cases[campaign["case"]] = {"passed_before": before, "passed_after": len(passed) - before, "blocked": blocked}
    return {"total": sum(case["passed_before"] for case in cases.values()), "cases": cases}


def at_a_time(calls, begin, end):
    """How many are up at each full second of the period."""
    first, after = -(-begin // 1_000_000), -(-end // 1_000_000)
    change = [0] * (after - first + 1)
    for call in calls:
        if call["ended"] is None:
            continue
        up = -(-call["at"] // 1_000_000)
        down = min(-(-(call["at"] + call["ended"]) // 1_000_000), up + 7 * 86_400)
        up, down = (min(max(second, first), after) for second in (up, down))
        if down > up:
            change[up - first] += 1
            change[down - first] -= 1
    return first, list(itertools.accumulate(change))[:-1]


def stretches(first, counts, length):
    at = 0
    while at < len(counts):
        begins = (first + at) // length * length
        until = begins + length - first
        yield begins, counts[at:until]
        at = until


def m9(calls, context, begin, end):
    highest, at, name, high = None, None, None, set()
    best = {}
    for trunk in context["trunks"]:
        if not trunk["channels"]:
            continue
        highest = highest or 0.0
        some = [call for call in calls if call["unwanted"] and call["trunk"] is trunk]
        first, counts = at_a_time(some, begin, end)
        for begins, seconds in stretches(first, counts, 300):
            part = max(seconds) / trunk["channels"]
            if part > best.get(begins, (-1.0, None))[0]:
                best[begins] = (part, trunk["name"])
    for begins in sorted(best):
        part, trunk = best[begins]
        if part > highest:
            highest, at, name = part, begins * 1_000_000, trunk
        if part > 0.2:
            high.add(begins)
    return {"highest": highest, "at": at, "trunk": name, "minutes_high": 5 * len(high)}


def erlang_b(erlangs, channels):
    blocking = 1.0
    for channel in range(1, channels + 1):
        blocking = erlangs * blocking / (channel + erlangs * blocking)
    return blocking


def load(calls, channels, begin, end):
    first, counts = at_a_time(calls, begin, end)
    most, at, sums = 0, None, []
    for begins, seconds in stretches(first, counts, 3_600):
        sums.append(sum(seconds))
        if max(seconds) > most:
            most, at = max(seconds), begins * 1_000_000
    sums.sort()
    erlangs = sums[max(-(-len(sums) * 95 // 100), 1) - 1] / 3_600.0 if sums else 0.0
    return {
        "most": most,
        "at": at,
        "channels": channels,
        "headroom": 1.0 - most / channels if channels else None,
        "erlangs_p95": erlangs,
        "blocking_p95": erlang_b(erlangs, channels) if channels else None,
    }


def m10(calls, context, begin, end):
    trunks = {}
    for trunk in context["trunks"]:
        if trunk["channels"] is not None:
            some = [call for call in calls if call["trunk"] is trunk]
            trunks[trunk["name"]] = load(some, trunk["channels"], begin, end)
    return {"all": load(calls, None, begin, end), "trunks": trunks}


def m11(calls):
    inbound = [call for call in calls if call["direction"] == "inbound"]
    kinds = []
    for name in ("A", "B", "C", "none", "failed", "unknown"):
        some = [call for call in inbound if (call["line"]["attestation"] or "unknown") == name]
        unwanted = share(sum(call["unwanted"] for call in some), len(some))
        kinds.append({"attestation": name, "share": share(len(some), len(inbound)), "unwanted": unwanted})
    return {"inbound": len(inbound), "kinds": kinds}


def m12(calls, context):
    inbound = [call for call in calls if call["direction"] == "inbound"]
    invalid = sum(call["line"]["caller_kind"] == "invalid" for call in inbound)
    own = sum(in_set(call["caller"], context["own"]) and call["line"]["attestation"] != "A" for call in inbound)
    suspect = {
        name: share(sum(in_set(call["caller"], prefixes) for call in inbound), len(inbound))
        for name, prefixes in context["suspect"].items()
    }
    return {"invalid": share(invalid, len(inbound)), "own_number": share(own, len(inbound)), "suspect": suspect}


def m13(calls, context):
    of = defaultdict(list)
    for call in calls:
        if call["direction"] == "outbound" and call["called"]:
            rate = rate_of(call["called"], context)
            if rate and rate["is_risk"]:
                of[rate["prefix"]].append(call)
    prefixes, exposed, avoided = [], 0.0, 0.0
    for prefix in sorted(of):
        rate = next(rate for rate in context["rates"] if rate["prefix"] == prefix)
        passed = [call for call in of[prefix] if call["class"] == "passed"]
        blocked = sum(call["class"] == "blocked" for call in of[prefix])
        talks = [call["talk"] // 1_000 for call in passed if call["talk"] is not None]
        minutes = sum(talks) / 60_000.0
        median = percentile(talks, 50)
        seconds = None if median is None else median / 1_000.0
        saved = blocked * (seconds or 0.0) / 60.0 * rate["per_minute"]
        prefixes.append({
            "prefix": prefix,
            "name": rate["name"],
            "per_minute": rate["per_minute"],
            "passed": len(passed),
            "minutes": minutes,
            "exposed": minutes * rate["per_minute"],
            "blocked": blocked,
            "median_seconds": seconds,
            "avoided": saved,
        })
        exposed += minutes * rate["per_minute"]
        avoided += saved
    return {"exposed": exposed, "avoided": avoided, "prefixes": prefixes}


def is_open(at, hours):
    wall = Zone(hours["zone"]).wall(at)
    if str(wall.date()) in hours["closed"]:
        return False
    minute = wall.hour * 60 + wall.minute
    return any(first <= minute < after for first, after in hours["week"][wall.weekday()])


def m14(calls, context):
    of, all_millis, attempts = defaultdict(lambda: [0, Counter()]), Counter(), 0
    for call in calls:
        if context["hours"] is None or context["national"] is None or call["direction"] != "outbound":
            continue
        if not call["called"] or in_set(call["called"], context["national"]) or is_open(call["at"], context["hours"]):
            continue
        rate = rate_of(call["called"], context)
        prefix, millis = rate["prefix"] if rate else "", (call["talk"] or 0) // 1_000
        entry = of[call["line"]["caller"]]
        entry[0] += 1
        entry[1][prefix] += millis
        all_millis[prefix] += millis
        attempts += 1
    rates = {rate["prefix"]: rate["per_minute"] for rate in reversed(context["rates"])}

    def cost(millis):
        total = 0.0
        for prefix in sorted(millis):
            if prefix:
                total += millis[prefix] / 60_000.0 * rates[prefix]
        return total

    callers = [
        {"caller": caller, "attempts": count, "minutes": sum(millis.values()) / 60_000.0, "cost": cost(millis)}
        for caller, (count, millis) in of.items()
    ]
    callers.sort(key=lambda one: (-one["cost"], -one["attempts"], one["caller"]))
    return {
        "attempts": attempts,
        "minutes": sum(all_millis.values()) / 60_000.0,
        "cost": cost(all_millis),
        "minutes_without_rate": all_millis[""] / 60_000.0,
        "callers": callers[:50],
    }


def m15(calls):
    low, high, count = 0.0, 0.0, 0
    for word in ("video", "voice"):
        some = [call for call in calls if call["direction"] == "inbound" and call["line"]["call_type"] == word]
        blocked = sum(call["class"] == "blocked" for call in some)
        kept = [
            max(call["ended"] - (call["rang"] or 0), 0) // 1_000
            for call in some
            if call["class"] == "passed" and call["answered"] is not None and call["ended"] is not None
        ]
        if kept:
            count += blocked
            low += blocked * float(percentile(kept, 25)) / 3_600_000.0
            high += blocked * float(percentile(kept, 75)) / 3_600_000.0
    return {"low": low, "high": high, "calls": count}


def m16(calls):
    passed = [call for call in calls if call["class"] == "passed"]
    answered = [call for call in passed if call["answered"] is not None]
    user = {408, 480, 486, 487, 600, 603, 607, 608}
    effective = len(answered) + sum(call["answered"] is None and call["line"]["status"] in user for call in passed)
    talks = [call["talk"] // 1_000 for call in answered if call["talk"] is not None]
    dials = [call["rang"] // 1_000 for call in passed if call["rang"] is not None]

    def seconds(millis):
        return None if millis is None else millis / 1_000.0

    return {
        "asr": share(len(answered), len(calls)),
        "asr_passed": share(len(answered), len(passed)),
        "ner": share(effective, len(calls)),
        "ner_passed": share(effective, len(passed)),
        "acd_seconds": sum(talks) / 1_000.0 / len(talks) if talks else None,
        "talk_median_seconds": seconds(percentile(talks, 50)),
        "talk_p90_seconds": seconds(percentile(talks, 90)),
        "pdd_median_seconds": seconds(percentile(dials, 50)),
        "pdd_p90_seconds": seconds(percentile(dials, 90)),
    }


def m20(calls, context):
    hits = Counter(call["line"]["rule"] for call in calls if call["line"]["rule"] is not None)
    idle = [rule["name"] for rule in context["rules"] if not hits[rule["name"]]]
    shadowed = [[rule["name"], rule["shadowed_by"]] for rule in context["rules"] if rule["shadowed_by"]]
    return {"idle": idle, "shadowed": shadowed, "hits": top(hits, 100)}


def m22(calls, context):
    told = []
    for entry in context["expiring"]:
        some = [call for call in calls if call["caller"] == "+%d" % entry["number"] and call["at"] >= entry["since"]]
        told.append({
            "number": entry["number"],
            "list": entry["list"],
            "expires": entry["expires"],
            "attempts": len(some),
            "last": max((call["at"] for call in some), default=None),
        })
    return told


main(*sys.argv[1:])

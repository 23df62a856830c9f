# For the runbooks: source this file, or paste it into a shell that has curl and python3. It only defines
# functions, asks nobody for anything, and writes answer.json into the folder you are in.

# show <field>…        of an answer on its standard input: an error first, then these fields ("a.b" is b in a).
#                      Checks and guards that are ok are left out, the others come with what mends them.
show() {
  tee answer.json | python3 -c '
import json, sys

text, fields = sys.stdin.read(), sys.argv[1:]
if not text:
    sys.exit("no answer of the app, and no word why (401)? Then $KEY is not the key of the app that you called")
if not text.startswith("{"):
    sys.exit("no answer of the app: it is starting, or a proxy answered. Ask again in a minute. It said: " + text[:300])
said = json.loads(text)
if "error" in said:
    error = said["error"]
    said, fields = {**error.get("run", error.get("night", error.get("drill", {}))), **error}, ["code", "message", *fields]
for field in fields:
    value = said
    for name in field.split("."):
        value = value.get(name, "(none)") if isinstance(value, dict) else "(none)"
    rows = value if isinstance(value, list) and value else [value]
    for row in rows:
        if isinstance(row, dict) and "verdict" in row:
            if row["verdict"] != "ok":
                print("{}: {verdict} {name}: {cause} | {command}".format(field, **row))
        else:
            print("{}: {}".format(field, row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)))
' "$@"
}

# answered <field>     one field of the last answer that show has seen, as it is ("a.b" is b in a).
answered() {
  python3 -c '
import functools, json, sys

said = json.load(open("answer.json"))
part = lambda one, name: one.get(name, "(none)") if isinstance(one, dict) else "(none)"
print(functools.reduce(part, sys.argv[1].split("."), said))
' "$1"
}

# follow <URL> <field>…   asks every minute, a dot each time, until the answer is the last one, then shows it.
#                      Where the app does not answer, or says 429 or 5xx, it goes on, 20 times in a row.
follow() {
  local url=$1 status=202 without=0
  shift
  while [ "$status" = 202 ] || { [[ "$status" = 000 || "$status" = 429 || "$status" = 5* ]] && [ "$without" -lt 20 ]; }; do
    sleep 60
    printf . >&2
    status=$(curl -sS -m 60 -o followed.json -w '%{http_code}' -H "x-functions-key: $KEY" "$url" 2> followed.err) || status=000
    if [ "$status" = 202 ]; then without=0; else without=$((without + 1)); fi
  done
  echo >&2
  echo "status: $status"
  if [ "$status" = 000 ]; then
    cat followed.err >&2
    return 1
  fi
  show "$@" < followed.json
}

# wait_for <app> <service> <resource>   asks every half minute, for 15 minutes at most, until that app answers and
#                      calls that resource the service: after a change of its settings it restarts.
wait_for() {
  local tries=0
  until curl -sS -m 10 -H "x-functions-key: $KEY" "$1/api/services/$2" 2> /dev/null | python3 -c '
import json, sys

text = sys.stdin.read()
said = json.loads(text) if text.startswith("{") else {}
sys.exit(not said.get("resourceId", "").endswith("/" + sys.argv[1]))
' "$3"; do
    tries=$((tries + 1))
    if [ "$tries" = 30 ]; then
      echo "$1 does not answer, or does not call $3 the service $2" >&2
      return 1
    fi
    sleep 30
  done
  echo "$2 is $3"
}

# steps                the numbered steps of an answer of …/failover or …/failback, with their commands.
steps() {
  python3 -c '
import json

for step in json.load(open("answer.json"))["steps"]:
    print("{number}. {}{what}".format("" if step["isNeeded"] else "(if needed) ", **step))
    print(*("     " + line for line in step["commands"]), "   It worked: " + step["howToKnow"], sep="\n")
'
}

# standing             of the last answer of …/services: a line for each service, where it is, and how it stands.
standing() {
  python3 -c '
import json

for one in json.load(open("answer.json"))["value"]:
    standby = "standby in " + one["standby"]["region"] if one["standby"] else "no standby"
    print("{service}: in {region}, {}, {state}".format(standby, **one))
'
}

# swap_roles <region> <file>…   makes the service of planEntry of the last answer, which is in that region, the primary
#                      in each plan: only its place, its storage and its standby change. Refuses, and writes nothing,
#                      where the roles are swapped already or the plan says something else of them.
swap_roles() {
  python3 -c '
import json, sys

region, *files = sys.argv[1:]
entry = json.load(open("answer.json")).get("planEntry") or sys.exit("swap_roles: the last answer has no planEntry: ask …/failover before")
end = lambda one: one["resourceId"].rsplit("/", 1)[-1]
name, former = entry["name"], end(entry["standby"])
if entry["region"] != region:
    sys.exit(f"swap_roles: {name} is swapped already: the last answer would swap it back to {end(entry)}")
plans = {file: json.load(open(file)) for file in files}
for file, plan in plans.items():
    said = next((one for one in plan.get("services", []) if one["name"] == name), None)
    if said is None:
        sys.exit(f"swap_roles: {file} has no service {name}")
    if said["resourceId"].lower() == entry["resourceId"].lower():
        sys.exit(f"swap_roles: {name} is swapped already in {file}")
    if said["resourceId"].lower() != entry["standby"]["resourceId"].lower():
        sys.exit(f"swap_roles: in {file} {name} is {end(said)}, and not {former} as the app says")
    said.update({part: entry[part] for part in ("resourceId", "region", "storage", "standby") if part in entry})
    if "storage" not in entry:
        said.pop("storage", None)
for file, plan in plans.items():
    with open(file, "w") as written:
        written.write(json.dumps(plan, indent=2, ensure_ascii=False) + "\n")
    print(f"{file}: {name} is now {end(entry)}")
' "$@"
}

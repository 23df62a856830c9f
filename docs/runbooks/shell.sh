# For the runbooks: source this file, or paste it into a shell that has curl and python3. It only defines
# functions, asks nobody for anything, and writes answer.json into the folder you are in.

# show <field>…        of an answer on its standard input: an error first, then these fields ("a.b" is b in a).
#                      Checks and guards that are ok are left out, the others come with what mends them.
show() {
  tee answer.json | python3 -c '
import json, sys

text, fields = sys.stdin.read(), sys.argv[1:]
if not text.startswith("{"):
    sys.exit("no answer of the app: is $KEY the key of the app that you called? It said: " + (text or "nothing"))
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

# answered <field>     one field of the last answer that show has seen, as it is.
answered() {
  python3 -c 'import json, sys; print(json.load(open("answer.json")).get(sys.argv[1], "(none)"))' "$1"
}

# follow <URL> <field>…   asks every minute until the answer is no longer 202, then shows it.
follow() {
  local url=$1 status=202
  shift
  while [ "$status" = 202 ]; do
    sleep 60
    status=$(curl -sS -o followed.json -w '%{http_code}' -H "x-functions-key: $KEY" "$url") || return 1
  done
  echo "status: $status"
  show "$@" < followed.json
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

# swap_roles           puts planEntry of the last answer into plan.json, in place of the entry of that name.
swap_roles() {
  python3 -c '
import json

plan, entry = json.load(open("plan.json")), json.load(open("answer.json"))["planEntry"]
others = [one for one in plan.get("services", []) if one["name"] != entry["name"]]
plan["services"] = [*others, entry]
with open("plan.json", "w") as file:
    json.dump(plan, file, indent=2)
print(entry["name"], "is now", entry["resourceId"].rsplit("/", 1)[-1])
'
}

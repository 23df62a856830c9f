"""
The devhost: a small local stand-in for the Azure Functions host, for development and tests. Loopback only.

`python -m devhost start` runs a function app: HTTP, timer and queue triggers, durable orchestrations.
`python -m devhost relay` stands in for an Event Grid subscription on blobs. `devhost.testing` runs an app's
orchestrators in a test, on a virtual clock. Nothing of the app is imported here; it is loaded as the real
host would load it, and runs unchanged in both.

How it is put together: `app` indexes the functions, `invoke` runs them, `http`, `timers` and `queues` trigger
them, `engine` keeps orchestrations in one SQLite file, `durable_routes` is how the SDK's client and everybody
else talk to the engine, `host` joins the parts.

What differs from Azure
-----------------------

One process. There is no scale-out, no lease, no partition, and the worker lives in the host's process; times
are better than in Azure. Sync functions share a thread pool, async ones a loop, as in a real worker.

Triggers: http, timer, queue, orchestration and activity; the other binding is the durable client. Everything
else is refused when the app is indexed. Storage connections are connection strings, not identities. There is
no functionTimeout, no retry policy of triggers, no Easy Auth, no CORS, no telemetry. Schedules are in UTC.
`AzureWebJobs.<function>.Disabled` is honoured for timers only.
Route constraints (`{id:int}`) are read over. Queues are asked at least once a second (Azure: up to once a
minute), and a message of a killed host is visible again after 15 s (Azure: minutes).

Keys are enforced with `--auth` only. They live in the state file; Azure keeps them in blobs or Key Vault.

Indexing looks at names, bindings and annotations as Microsoft's worker does, but is no substitute for
indexing through that library.

Durable orchestrations follow the JSON protocol of azure-functions-durable 1.x:

- entities, call_http and rewind are not there; an orchestration that asks for them fails and says so;
- an instance is completed when its orchestrator returns, also while timers are open that were not cancelled
  (Azure waits for them), and activities of it that did not start yet are dropped then;
- events that were never waited for are carried over continue_as_new (Azure can lose them);
- while a retried task (call_activity_with_retry) is open, events are fed one at a time. So the known fault of
  the SDK, by which retried tasks in task_any leave an instance Running for ever, never shows here
  (https://github.com/Azure/azure-functions-durable-python/issues/603). Do not rely on its absence;
- a sub-orchestration whose instance id is in use fails at once (Azure may leave the parent waiting);
- terminate takes effect at once; like in Azure it does not reach sub-orchestrations;
- an instance gets its version when it is started, a sub-orchestration too (the host's, not its parent's), and
  keeps it over continue_as_new. Newer instances than the host's `defaultVersion` are left as they are, with
  their messages (`CurrentOrOlder`, `Reject`; any other strategy is refused in host.json). Like in Azure,
  activities that they have scheduled already are run by a host of any version. Azure puts a refused instance
  back into its queue again and again; here it is not touched, and goes on at once when its host is back.

What is the same, and is relied on: activities run at least once; an id that is pending, running or suspended
is refused and an ended one is replaced; createdTime moves with every continue_as_new; a replay that schedules
something else than before fails the instance; `kill -9` loses nothing that was stored.
"""

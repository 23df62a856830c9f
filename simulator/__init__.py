"""
Azure Resource Manager's side of API Management backup and restore, simulated for a developer's machine.

`python -m simulator --help`. A program of its own: it imports nothing of the app and is never deployed. Facts
about Azure are explained, with their public sources, in docs/azure-facts.md.

What is simulated, as recorded or documented:

- The protocol of backup and restore: empty 202 answers with Location and Retry-After, an opaque Base64
  operation id with its padding, polls that answer the same until a final 200 with the whole service resource,
  which stays readable; a new etag after every operation, provisioningState Updating meanwhile, the x-ms
  headers.
- 409 ServiceLocked for changes of a service in transition, while its entities can still be edited.
- The refusals of a restore: another tier, a backup older than 30 days, with the wording that is known.
- 401, 403, 404 and api-version errors of Azure Resource Manager; rights per principal and action, which
  Microsoft.Authorization/permissions shows to the one who asks.
- What stands around a service, set with Azure's own PUT and DELETE: storage accounts with their blob
  services, role assignments (lists at, above and below a scope, filtered), locks (409 ScopeLocked for what
  they forbid), diagnostic settings, links to workspaces. Lists of services and storage accounts come in
  pages.
- Real blobs in the storage emulator, with the storage access that the request gives. The container is made if
  it is missing. What backups are documented to leave out is left out.
- The reports of built-in analytics over made-up traffic: their queries, columns and ways of paging
  (`arm_reports`, `traffic`).
- Entities of every kind in one generic store, with paging; secrets only over their own POST; import of
  OpenAPI JSON.
- Tokens: the managed-identity endpoint of App Service, client credentials, and the metadata that the official
  credentials, SDKs and azure-cli ask for.

What is assumed, because no recording is known:

- 409 ServiceLocked also for POST backup and POST restore, on the evidence of the other methods.
- A failed operation ends as 400 on the poll (RestoreFailed is known, BackupFailed is a guess) and leaves the
  service Succeeded, with its entities unchanged and a new etag; it takes as long as a good one.
- Access to storage is tried at the POST: a wrong key is a 400 (BadRequest) there. Users report the status,
  not the body. The same for an account that was put and takes no shared keys, and, once the account has had
  a role assignment, for an identity without Storage Blob Data Contributor (or Owner) on the container or
  above.
- A ReadOnly lock forbids POST backup and POST restore like any other call that does not read.
- A service whose provisioningState is Failed takes operations; a good one leaves it Succeeded.
- targetProvisioningState is Updating during an operation (it is recorded as empty when idle).
- The codes for a tier without backup (MethodNotAllowedInPricingTier), for an identity that is not enabled
  (InvalidOperation) and for retired api-versions (NoRegisteredProviderFound).
- A blob of the same name is replaced. The 30 days count from the start of the backup. A restore reads the
  blob at its end. Client certificates and diagnostics below a service are left out of a backup like those of
  the service itself.
- Rights are checked before existence; the ratelimit headers fall from the start of the process and never
  refill.
- `$top` is a page size that nextLink repeats. What is assumed of reports is told in `arm_reports`.

- A lost region (`outages`): every call about a resource in it fails, also about its locks and roles; lists of
  a subscription still name what is there. Its storage accounts take nothing and hand out nothing, for
  services of other regions too.

What is not there:

- `$filter` (but for role assignments), `$orderby` and the `expand` parameters of lists are ignored. No
  validation of policies, no schemas from an import, no API revisions as such, no git, and no gateways
  that serve traffic: they tell whether they would (`gateways`). Firewalls and CORS rules of storage accounts
  are shown and hinder nothing; groups have no members that a role assignment would reach.
- Creating, changing and deleting services and entities happens at once (deleting an API or a user answers 204
  where newer versions answer 202); a soft-deleted service can be listed, read and purged, not brought back;
  resource groups are not resources.
- Simulated time runs as fast as the machine's clock: the speed compresses durations of operations, not dates.
  In tests the time can come from outside (`simulator.testing`). Tokens live in real time.
- Nothing survives the end of the process but certificates and blobs.
"""

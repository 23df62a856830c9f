// The custom roles of one subscription. No role can change or delete a service, list keys or read secrets.
//
// Every action is one that the app uses, named in full: tests/infra/test_rights.py holds the lists against the
// calls that the app makes. A role is found by guid(subscription, 'apim-dr', name), so environments that share
// a subscription share its roles, and deploying them again changes nothing.
targetScope = 'subscription'

var subscriptionScope = subscription().id

var serviceActions = [
  'Microsoft.ApiManagement/service/read'
  'Microsoft.ApiManagement/service/operationresults/read'
]

// The lists of the inventory: COLLECTIONS in shared/core/inventory.py. `*/read` in their place would also read
// the keys of users and tenants, caches with their connection strings, and whatever Azure adds one day.
var inventoryActions = [
  'Microsoft.ApiManagement/service/apis/read'
  'Microsoft.ApiManagement/service/apis/diagnostics/read'
  'Microsoft.ApiManagement/service/apis/operations/read'
  'Microsoft.ApiManagement/service/apis/operations/policies/read'
  'Microsoft.ApiManagement/service/apis/policies/read'
  'Microsoft.ApiManagement/service/apiVersionSets/read'
  'Microsoft.ApiManagement/service/backends/read'
  'Microsoft.ApiManagement/service/certificates/read'
  'Microsoft.ApiManagement/service/diagnostics/read'
  'Microsoft.ApiManagement/service/gateways/read'
  'Microsoft.ApiManagement/service/groups/read'
  'Microsoft.ApiManagement/service/loggers/read'
  'Microsoft.ApiManagement/service/namedValues/read'
  'Microsoft.ApiManagement/service/policies/read'
  'Microsoft.ApiManagement/service/policyFragments/read'
  'Microsoft.ApiManagement/service/products/read'
  'Microsoft.ApiManagement/service/products/apis/read'
  'Microsoft.ApiManagement/service/products/policies/read'
  'Microsoft.ApiManagement/service/subscriptions/read'
  'Microsoft.ApiManagement/service/tags/read'
  'Microsoft.ApiManagement/service/users/read'
]

var definitions = [
  {
    name: 'backupOperator'
    title: 'backup operator'
    description: 'Start a backup of an API Management service, follow it, and list what the service holds.'
    actions: concat(serviceActions, inventoryActions, ['Microsoft.ApiManagement/service/backup/action'])
  }
  {
    name: 'restoreOperator'
    title: 'restore operator'
    description: 'Start a restore into an API Management service, follow it, and list what the service holds.'
    actions: concat(serviceActions, inventoryActions, ['Microsoft.ApiManagement/service/restore/action'])
  }
  {
    name: 'usageReader'
    title: 'usage reader'
    description: 'Read the usage reports of an API Management service.'
    actions: [
      'Microsoft.ApiManagement/service/reports/read'
    ]
  }
  {
    name: 'preflightReader'
    title: 'preflight reader'
    description: 'Read what is checked before a backup or a restore: state, rights, locks, diagnostic settings, storage.'
    actions: [
      'Microsoft.ApiManagement/service/read'
      'Microsoft.ApiManagement/service/workspaceLinks/read'
      'Microsoft.Authorization/locks/read'
      'Microsoft.Authorization/permissions/read'
      'Microsoft.Authorization/roleAssignments/read'
      'Microsoft.Insights/diagnosticSettings/read'
      'Microsoft.Storage/storageAccounts/read'
      'Microsoft.Storage/storageAccounts/blobServices/read'
    ]
  }
]

// Names of roles are unique in a tenant, hence the beginning of the subscription's id in each.
resource roles 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [
  for definition in definitions: {
    name: guid(subscriptionScope, 'apim-dr', definition.name)
    properties: {
      roleName: 'apim-dr ${definition.title} (${take(subscription().subscriptionId, 8)})'
      description: definition.description
      type: 'CustomRole'
      permissions: [
        {
          actions: definition.actions
          notActions: []
          dataActions: []
          notDataActions: []
        }
      ]
      assignableScopes: [
        subscriptionScope
      ]
    }
  }
]

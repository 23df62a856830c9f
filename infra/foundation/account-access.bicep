// The right of the app to read the settings of a storage account, and who holds roles on it. No data, no keys.

@description('Name of the storage account, in the group of this deployment.')
param accountName string

@description('Principal id of the app.')
param principalId string

var role = 'preflightReader'

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: accountName
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  name: guid(account.id, principalId, role)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guid(subscription().id, 'apim-dr', role))
  }
}

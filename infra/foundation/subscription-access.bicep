// Custom roles of the app on a whole subscription, in which it discovers services by their tags.
targetScope = 'subscription'

@description('Names of roles in roles.bicep, which have to be there.')
param roles array

@description('Principal id of the app.')
param principalId string

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in roles: {
    name: guid(subscription().id, principalId, role)
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guid(subscription().id, 'apim-dr', role))
    }
  }
]

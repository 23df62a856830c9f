// Custom roles of the app on one API Management service. The service is not changed.

@description('Name of the service, in the group of this deployment.')
param serviceName string

@description('Names of roles in roles.bicep, which have to be there.')
param roles array

@description('Principal id of the app.')
param principalId string

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in roles: {
    scope: service
    name: guid(service.id, principalId, role)
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guid(subscription().id, 'apim-dr', role))
    }
  }
]

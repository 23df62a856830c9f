// Where the Functions host sends the app's logs: by identity only.

@description('Name of the component.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Resource id of the workspace that keeps the logs.')
param workspaceId string

@description('Principal id of the identity that may send logs.')
param writerPrincipalId string

var monitoringMetricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: name
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspaceId
    DisableLocalAuth: true
  }
}

resource writer 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, writerPrincipalId, monitoringMetricsPublisher)
  scope: insights
  properties: {
    principalId: writerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', monitoringMetricsPublisher)
  }
}

@description('Where to send logs; no secret, since it is good for nothing without the identity.')
output connectionString string = insights.properties.ConnectionString

// One page to look at: nights, restore points, runs, replication, drills, alerts.

@description('Name of the azd environment.')
param environmentName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Resource id of the workspace that the page asks.')
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'apim-dr')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'apim-dr ${environmentName}'
    category: 'workbook'
    version: '1.0'
    sourceId: workspaceId
    serializedData: replace(replace(loadTextContent('workbook.json'), '__WORKSPACE__', workspaceId), '__SUBSCRIPTION__', subscription().id)
  }
}

@description('Resource id of the workbook.')
output id string = workbook.id

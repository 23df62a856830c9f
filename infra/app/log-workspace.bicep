// Where logs are kept, and what alerts and workbook ask.

@description('Name of the workspace.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Days that logs are kept. Tables of Application Insights cost nothing for the first 90.')
@minValue(30)
@maxValue(730)
param retentionDays int = 90

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
  }
}

@description('Resource id of the workspace.')
output id string = workspace.id

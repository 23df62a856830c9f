// The Flex Consumption plan: nothing runs, nothing costs. One app only fits on one plan.

@description('Name of the hosting plan.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

resource hostingPlan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

@description('Resource id of the hosting plan.')
output id string = hostingPlan.id

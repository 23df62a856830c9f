// What azd deploys: everything that can be made anew, in one resource group of its own, so that `azd down`
// takes nothing that must stay. State and rights are in foundation.bicep.
//
// azd compiles this file, and asks for each parameter that has neither a value nor a default, before its hooks
// run: what the foundation tells has defaults, so that nobody is asked for it, and `newPlan` brings a plan that
// the hook has written since.
targetScope = 'subscription'

@description('Name of the azd environment: one for each region with an app.')
@minLength(1)
@maxLength(20)
param environmentName string

@description('Region of this app; it becomes `region` of the plan.')
param location string

@description('The plan in base64, in the run whose hook has just written plan.json; empty in all others.')
param newPlan string = ''

@description('The plan, the same for all regions; docs/plan.md. Empty: plan.json. Its `region` is replaced by `location`.')
param plan object = {}

@description('Resource id of the app\'s identity, which the foundation made.')
param identityId string = ''

@description('Client id of the app\'s identity.')
param identityClientId string = ''

@description('Principal id of the app\'s identity.')
param identityPrincipalId string = ''

@description('Name of the storage account of the Functions host.')
param hostStorageName string = ''

@description('URL of the container from which the platform takes the app\'s package.')
param deploymentContainerUrl string = ''

@description('Resource id of the subnet for the app\'s way out; empty for none.')
param subnetId string = ''

@description('Where alerts are mailed to; empty for nowhere.')
param alertEmail string = ''

@description('NCRONTAB expression of the night, in UTC; empty for the app\'s default.')
param backupSchedule string = ''

@description('NCRONTAB expression of the export of usage data, in UTC; empty for the app\'s default.')
param usageSchedule string = ''

@description('NCRONTAB expression of the look for drills, in UTC; empty for the app\'s default.')
param drillSchedule string = ''

@description('Settings that the plan names for account keys: `NAME=address of a secret in Key Vault`, with `;` between them; empty for none.')
param keySettings string = ''

@description('Memory of one instance, in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('How many instances there may be at once.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances that are kept warm for orchestrations; each costs money for every hour.')
@minValue(0)
param alwaysReadyDurable int = 0

var shippedPlan = loadJsonContent('plan.json')
var writtenPlan = empty(newPlan) ? shippedPlan : base64ToJson(newPlan)
var usedPlan = empty(plan) ? writtenPlan : plan
var tags = { 'azd-env-name': environmentName }
var suffix = uniqueString(subscription().id, environmentName, location)

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-apim-dr-${environmentName}'
  location: location
  tags: tags
}

module workspace 'app/log-workspace.bicep' = {
  name: 'log-workspace'
  scope: group
  params: { name: 'log-${environmentName}', location: location, tags: tags }
}

module insights 'app/application-insights.bicep' = {
  name: 'application-insights'
  scope: group
  params: {
    name: 'appi-${environmentName}'
    location: location
    tags: tags
    workspaceId: workspace.outputs.id
    writerPrincipalId: identityPrincipalId
  }
}

module hostingPlan 'app/hosting-plan.bicep' = {
  name: 'hosting-plan'
  scope: group
  params: { name: 'plan-${environmentName}', location: location, tags: tags }
}

module functionApp 'app/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    name: 'func-${environmentName}-${suffix}'
    location: location
    tags: tags
    hostingPlanId: hostingPlan.outputs.id
    plan: usedPlan
    identityId: identityId
    identityClientId: identityClientId
    hostStorageName: hostStorageName
    deploymentContainerUrl: deploymentContainerUrl
    subnetId: subnetId
    insightsConnectionString: insights.outputs.connectionString
    backupSchedule: backupSchedule
    usageSchedule: usageSchedule
    drillSchedule: drillSchedule
    keySettings: keySettings
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyDurable: alwaysReadyDurable
  }
}

module actionGroup 'app/action-group.bicep' = {
  name: 'action-group'
  scope: group
  params: { name: 'ag-${environmentName}', tags: tags, email: alertEmail }
}

module alerts 'app/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    environmentName: environmentName
    location: location
    tags: tags
    workspaceId: workspace.outputs.id
    actionGroupId: actionGroup.outputs.id
    plan: usedPlan
  }
}

module workbook 'app/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: { environmentName: environmentName, location: location, tags: tags, workspaceId: workspace.outputs.id }
}

@description('Resource group of everything in this template.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Name of the function app.')
output APIM_DR_APP_NAME string = functionApp.outputs.name

@description('Address of the function app.')
output APIM_DR_APP_URL string = functionApp.outputs.url

// The app, and its settings. On Flex Consumption the runtime stands in functionAppConfig, and settings like
// FUNCTIONS_WORKER_RUNTIME or siteConfig.ftpsState are refused.

@description('Name of the app, unique in the world.')
param name string

@description('Region; it becomes `region` of the plan.')
param location string

@description('Tags.')
param tags object

@description('Resource id of the hosting plan.')
param hostingPlanId string

@description('The plan; its `region` is replaced.')
param plan object

@description('Resource id of the app\'s identity.')
param identityId string

@description('Client id of the app\'s identity.')
param identityClientId string

@description('Name of the storage account of the Functions host.')
param hostStorageName string

@description('URL of the container from which the platform takes the app\'s package.')
param deploymentContainerUrl string

@description('Resource id of the subnet for the app\'s way out; empty for none.')
param subnetId string

@description('Where the host sends logs.')
param insightsConnectionString string

@description('Schedule of the night; empty for the default.')
param backupSchedule string

@description('Schedule of the export of usage data; empty for the default.')
param usageSchedule string

@description('Schedule of the look for drills; empty for the default.')
param drillSchedule string

@description('Settings whose values are secrets in Key Vault: `NAME=address of the secret`, with `;` between them; empty for none.')
param keySettings string

@description('Memory of one instance, in MB.')
param instanceMemoryMB int

@description('How many instances there may be at once.')
param maximumInstanceCount int

@description('Instances that are kept warm for orchestrations.')
param alwaysReadyDurable int

var storageSuffix = environment().suffixes.storage
var schedules = filter([
  { name: 'BACKUP_SCHEDULE', value: backupSchedule }
  { name: 'USAGE_SCHEDULE', value: usageSchedule }
  { name: 'DRILL_SCHEDULE', value: drillSchedule }
], schedule => !empty(schedule.value))

// The platform reads the secrets with the app's identity and hands them to the app; none is in a deployment.
var keys = [for pair in filter(split(keySettings, ';'), pair => !empty(trim(pair))): {
  name: trim(split(pair, '=')[0])
  value: '@Microsoft.KeyVault(SecretUri=${trim(split(pair, '=')[1])})'
}]

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: hostingPlanId
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deploymentContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyDurable > 0 ? [{ name: 'durable', instanceCount: alwaysReadyDurable }] : []
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      appSettings: concat([
        { name: 'DR_PLAN', value: string(union(plan, { region: location })) }
        { name: 'AZURE_CLIENT_ID', value: identityClientId }
        { name: 'AzureWebJobsStorage__credential', value: 'managedidentity' }
        { name: 'AzureWebJobsStorage__clientId', value: identityClientId }
        { name: 'AzureWebJobsStorage__blobServiceUri', value: 'https://${hostStorageName}.blob.${storageSuffix}' }
        { name: 'AzureWebJobsStorage__queueServiceUri', value: 'https://${hostStorageName}.queue.${storageSuffix}' }
        { name: 'AzureWebJobsStorage__tableServiceUri', value: 'https://${hostStorageName}.table.${storageSuffix}' }
        { name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', value: insightsConnectionString }
        { name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING', value: 'ClientId=${identityClientId};Authorization=AAD' }
        { name: 'PYTHON_THREADPOOL_THREAD_COUNT', value: '12' }
        { name: 'AZURE_FUNCTIONS_DURABLE_STRICT_TYPING', value: '1' }
      ], schedules, keys)
    }
  }
}

// Nobody signs in to the app's publishing endpoints with a password; azd comes with a token.
resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

@description('Name of the app.')
output name string = app.name

@description('Address of the app.')
output url string = 'https://${app.properties.defaultHostName}'

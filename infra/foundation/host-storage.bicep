// The storage of the Functions host: its locks, the state of orchestrations, the queues that the app reads,
// the deployment package, and events that could not be delivered. Reached by identity only.

@description('Name of the account.')
param name string

@description('Region of the account.')
param location string

@description('Tags of the account.')
param tags object

@description('Redundancy.')
param sku string

@description('Queues that events are delivered to.')
param queues array

@description('Whether only private endpoints and trusted Azure services are let in.')
param isClosed bool

var packageContainer = 'app-package'
var deadLetters = 'dead-letters'

// Closed is Deny with public network access Enabled, not Disabled: Event Grid comes as a trusted service over
// the public endpoint, never through a private one. That the exception outlives Disabled is documented only
// for accounts that had it before. See docs/rights.md.
resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: sku
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Enabled'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isClosed ? 'Deny' : 'Allow'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 7
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = [
  for container in [packageContainer, deadLetters]: {
    parent: blobs
    name: container
    properties: {
      publicAccess: 'None'
    }
  }
]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2024-01-01' = {
  parent: account
  name: 'default'
}

resource eventQueues 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' = [
  for queue in queues: {
    parent: queueService
    name: queue
  }
]

@description('ARM id.')
output id string = account.id

@description('Name.')
output name string = account.name

@description('URL of the container of the deployment package.')
output deploymentContainerUrl string = '${account.properties.primaryEndpoints.blob}${packageContainer}'

@description('Name of the container of events that could not be delivered.')
output deadLetterContainer string = deadLetters
